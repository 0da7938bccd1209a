from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_type_hints

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from ruamel.yaml import YAML

from lss_bev_ros.commands.parameters import parameters
from lss_bev_ros.evaluation import Thresholds
from lss_bev_ros.nodes.configuration import EvaluationParameters, InferenceParameters
from lss_bev_ros.nodes.parameter_file import NODES
from lss_bev_ros.nodes.parameters import ParameterError, declare

FILE = Path(__file__).resolve().parents[2] / "config" / "lss_bev.yaml"


def test_the_parameter_file_is_the_one_that_the_command_writes(tmp_path, capsys):
    parameters(tmp_path / "written.yaml")
    written = (tmp_path / "written.yaml").read_text()
    assert written == FILE.read_text(), "run: lss-bev parameters -o config/lss_bev.yaml"
    parameters()
    assert capsys.readouterr().out == written


@pytest.mark.parametrize("name", NODES)
def test_the_parameter_file_states_every_default(name):
    stated = YAML(typ="safe").load(FILE.read_text())[f"/**/{name}"]["ros__parameters"]
    assert stated == dataclasses.asdict(NODES[name]())


@pytest.mark.parametrize("kind", NODES.values())
def test_every_parameter_is_described_and_every_number_bounded(kind):
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        low, high = field.metadata["bounds"]
        assert field.metadata["description"]
        assert (low is not None) == (hints[field.name] in (int, float))
        if low is not None:
            assert low <= getattr(kind(), field.name) <= high
        if field.metadata["choices"]:
            assert getattr(kind(), field.name) in field.metadata["choices"]


@pytest.fixture
def empty_lists():
    rclpy.init(args=["program", "--ros-args", "-p", "scenes:=[]", "-p", "rate:=[]"])
    node = Node("node")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def test_an_empty_list_has_no_elements_and_is_no_number(empty_lists):
    """ROS 2 has no type for it, and so gives no value."""
    kind = NODES["replay"]
    names = ("scenes", "rate")
    cut = [
        dataclasses.make_dataclass(
            name, [(name, get_type_hints(kind)[name], kind.__dataclass_fields__[name])]
        )
        for name in names
    ]
    assert declare(empty_lists, cut[0]).scenes == []
    with pytest.raises(ParameterError, match=r"parameter rate: .* a number"):
        declare(empty_lists, cut[1])


def test_the_evaluation_thresholds_are_those_of_the_library():
    parameters = dataclasses.asdict(EvaluationParameters())
    stated = {name[4:]: value for name, value in parameters.items() if name.startswith("min_")}
    assert stated == dict(Thresholds().items())


@pytest.fixture
def declared():
    """What a node takes, by the parameters that it is given."""
    context = rclpy.Context()
    rclpy.init(context=context)

    def taken(**given):
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        node = Node("given", context=context, parameter_overrides=overrides)
        try:
            return declare(node, InferenceParameters)
        finally:
            node.destroy_node()

    yield taken
    rclpy.shutdown(context=context)


@pytest.mark.parametrize(
    ("given", "taken"), [(True, "true"), (False, "false"), ("true", "true"), ("auto", "auto")]
)
def test_true_and_false_may_be_booleans(declared, given, taken):
    """As YAML makes them of `-p image_rectified:=true`."""
    assert declared(image_rectified=given).image_rectified == taken


@pytest.mark.parametrize("given", [1, 0.5, "maybe"])
def test_other_values_are_refused(declared, given):
    with pytest.raises(ParameterError, match=r"image_rectified: .* is not one of auto, true, false"):
        declared(image_rectified=given)
