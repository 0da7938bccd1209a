"""Memory in a file: gathers and weights that give what PyTorch's grid_sample gives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model.memory import align, sampled_places

pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

import onnxruntime

from lss_bev_ros.runtime.multi_sense.weights import untrained
from lss_bev_ros.runtime.onnx import OnnxOptions, write_network
from lss_bev_ros.runtime.onnx.graph import Graph
from lss_bev_ros.runtime.onnx.senses import NOWHERE, memory_inputs, recalled

from ..small_senses import SMALL

OBLONG = replace(SMALL, model=replace(SMALL.model, grid=BevGrid(-10.0, 6.0, -16.0, 16.0, 1.0)))
"""More cells to the sides than ahead, so that exchanged axes are found."""

GRID, CHANNELS = OBLONG.model.grid, OBLONG.model.channels


def session(batch, precision="fp32"):
    graph = Graph(precision)
    memory_inputs(graph, OBLONG, batch)
    graph.output(recalled(graph, OBLONG, batch), (batch, CHANNELS + 1, *GRID.shape))
    return onnxruntime.InferenceSession(graph.finish("memory", {}).SerializeToString())


@pytest.fixture(scope="module")
def sessions():
    return {batch: session(batch) for batch in (1, 2, "batch")}


def fed(motions, dtype=np.float32):
    """Memories, where they lie and how old they are."""
    draw = np.random.default_rng(len(motions))
    motion = torch.tensor(motions, dtype=torch.float32)
    return {
        "memory": draw.standard_normal((len(motions), CHANNELS, *GRID.shape)).astype(dtype),
        "warp": sampled_places(motion, GRID).numpy(),
        "age": np.linspace(0.5, 0.7, len(motions), dtype=np.float32),
    }


def expected(motions, arrays):
    """By PyTorch: the memory where it lies now, and its age where it reaches."""
    moved, known = align(torch.from_numpy(arrays["memory"]).float(), torch.tensor(motions).float(), GRID)
    return torch.cat([moved, known * torch.from_numpy(arrays["age"])[:, None, None, None]], 1).numpy()


metres = st.floats(-40, 40)
motion = st.tuples(metres, metres, st.floats(-math.pi, math.pi))


@settings(max_examples=60, deadline=None)
@given(motion)
@example((0.0, 0.0, 0.0))  # every place is the centre of a cell
@example((0.5, -0.5, 0.0))  # every place is a corner of four, and the last row is half outside
@example((15.5, 31.5, 0.0))  # one corner is left
@example((0.0, 0.0, math.pi))
@example((1e6, -1e6, 1.0))
def test_a_moved_memory_is_that_of_grid_sample(sessions, moved):
    arrays = fed([moved])
    (found,) = sessions[1].run(None, arrays)
    np.testing.assert_allclose(found, expected([moved], arrays), rtol=0, atol=5e-6)


@pytest.mark.parametrize("batch", [2, "batch"])
def test_each_sample_has_a_memory_of_its_own(sessions, batch):
    motions = [(3.0, -1.0, 0.2), (-4.0, 2.5, -1.0)]
    arrays = fed(motions)
    (found,) = sessions[batch].run(None, arrays)
    np.testing.assert_allclose(found, expected(motions, arrays), rtol=0, atol=5e-6)


def test_in_half_precision_places_stay_exact(sessions):
    """A place in fp16 would be off by centimetres: what is left is the rounding of cells and weights."""
    far = [(7.25, -12.75, 0.4)]
    arrays = fed(far, np.float16)
    (found,) = session(1, "fp16").run(None, arrays)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, expected(far, arrays), rtol=0, atol=4e-3)


@pytest.mark.parametrize("place", [NOWHERE, 1e30, np.inf, -np.inf])
def test_a_place_beyond_the_map_recalls_exactly_nothing(sessions, place):
    arrays = fed([(0.0, 0.0, 0.0)])
    arrays["warp"][:, 3, 5] = place
    (found,) = sessions[1].run(None, arrays)
    whole = expected([(0.0, 0.0, 0.0)], arrays)
    whole[:, :, 3, 5] = 0.0
    np.testing.assert_allclose(found, whole, rtol=0, atol=5e-6)
    assert not found[:, :, 3, 5].any()


def test_no_file_holds_a_grid_sample():
    """TensorRT's is reported to be wrong without a word, from 10.13 on."""
    model = untrained(1, SMALL)
    for options in ({}, {"part": "bev"}, {"precision": "fp16", "dynamic": ("batch", "tables")}):
        nodes = write_network(model, OnnxOptions(**options)).graph.node
        assert "memory.joined" in {node.name for node in nodes}
        assert "GridSample" not in {node.op_type for node in nodes}
