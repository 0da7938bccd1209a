"""What `lss-bev export` wrote is known by its checksum, whoever reads it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from lss_bev_ros.errors import LssBevError, ModelError
from lss_bev_ros.runtime.onnx import seal
from lss_bev_ros.runtime.onnx.session import OnnxSession

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def model(**facts):
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "w"], ["y"])],
        "small",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [50])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [50])],
        [onnx.numpy_helper.from_array(np.arange(50, dtype=np.float32), "w")],
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(made, facts)
    return made


def outcome(path, content):
    """What a session makes of a file's bytes: its result, or None where it refuses them."""
    path.write_bytes(content)
    try:
        session = OnnxSession(path)
    except LssBevError:
        return None
    return session.run({"x": np.zeros(50, np.float32)})["y"]


def test_a_sealed_file_is_an_onnx_file_like_any_other(tmp_path):
    content = seal.sealed(model(lss_bev="said"))
    opened = onnx.load_from_string(content)
    onnx.checker.check_model(opened)
    facts = {entry.key: entry.value for entry in opened.metadata_props}
    assert facts["lss_bev"] == "said"
    assert set(facts) == {"lss_bev", seal.KEY}
    assert np.array_equal(outcome(tmp_path / "whole.onnx", content), np.arange(50))


def test_a_file_that_is_sealed_again_has_one_seal():
    once = seal.sealed(model())
    assert seal.sealed(onnx.load_from_string(once)) == once


def test_a_changed_or_cut_byte_is_refused_or_changes_nothing(tmp_path):
    content = seal.sealed(model(lss_bev="said"))
    chance = random.Random(0)
    refused = 0
    for place in range(0, len(content), 5):
        flipped = bytearray(content)
        flipped[place] ^= 1 << chance.randrange(8)
        found = outcome(tmp_path / "flipped.onnx", bytes(flipped))
        refused += found is None
        assert found is None or np.array_equal(found, np.arange(50)), place
    assert refused > 0.7 * len(content) / 5
    for length in range(0, len(content), 7):
        found = outcome(tmp_path / "cut.onnx", content[:length])
        assert found is None or np.array_equal(found, np.arange(50)), length


def test_a_damaged_file_is_named_with_the_remedy(tmp_path):
    content = bytearray(seal.sealed(model()))
    content[len(content) // 3] ^= 1
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged\.onnx is damaged.*export it again"):
        OnnxSession(path)


def test_a_file_of_another_tool_is_taken_as_it_is(tmp_path):
    assert outcome(tmp_path / "foreign.onnx", model().SerializeToString()) is not None
