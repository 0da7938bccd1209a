from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_type_hints

import pytest
from ruamel.yaml import YAML

from lss_bev_ros.evaluation import Thresholds
from lss_bev_ros.nodes.configuration import (
    DashboardParameters,
    EvaluationParameters,
    InferenceParameters,
    ReplayParameters,
)

NODES = {
    "replay": ReplayParameters,
    "inference": InferenceParameters,
    "evaluation": EvaluationParameters,
    "dashboard": DashboardParameters,
}
FILE = Path(__file__).resolve().parents[2] / "config" / "lss_bev.yaml"


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


def test_the_evaluation_thresholds_are_those_of_the_library():
    parameters = dataclasses.asdict(EvaluationParameters())
    stated = {name[4:]: value for name, value in parameters.items() if name.startswith("min_")}
    assert stated == dict(Thresholds().items())
