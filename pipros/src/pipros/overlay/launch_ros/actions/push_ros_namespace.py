"""Namespaces of groups of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import perform_text
from launch_ros.namespaces import check_namespace, joined

if TYPE_CHECKING:
    from launch import LaunchContext


class PushROSNamespace(Action):
    """Put the nodes that follow into a namespace, below the one pushed before unless it is absolute.

    It ends with the scoped group that it stands in.
    """

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.namespace = namespace

    def execute(self, context: LaunchContext) -> None:
        """Push it."""
        pushed = perform_text(context, self.namespace)
        before = context.launch_configurations.get("ros_namespace")
        context.launch_configurations["ros_namespace"] = check_namespace(joined(before, pushed))


PushRosNamespace = PushROSNamespace
