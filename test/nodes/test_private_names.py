"""No node has a method by a name that rclpy's Node keeps for itself, which would be called in its place."""

from __future__ import annotations

import importlib

import pytest
from rclpy.node import Node

NODES = ["replay", "inference", "evaluation", "dashboard"]


@pytest.mark.parametrize("name", NODES)
def test_a_node_overrides_nothing_private_of_rclpy(name):
    module = importlib.import_module(f"lss_bev_ros.nodes.{name}")
    classes = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Node) and each.__module__ == module.__name__
    ]
    assert classes
    for each in classes:
        private = {key for key in vars(each) if key.startswith("_") and not key.startswith("__")}
        assert not private & set(dir(Node)), each
