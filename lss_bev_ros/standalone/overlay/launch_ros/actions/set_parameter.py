"""Parameters of all nodes that follow."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.some_substitutions_type import SomeSubstitutionsType

from ..parameter_descriptions import ParameterFile
from ..parameters import evaluate_dict

if TYPE_CHECKING:
    from launch import LaunchContext


def _add(context: LaunchContext, parameters: tuple[str, Any] | str) -> None:
    before = context.launch_configurations.get("global_params", [])
    context.launch_configurations["global_params"] = [*before, parameters]


class SetParameter(Action):
    """Give all nodes that follow a parameter, until the scoped group ends; a node's own come after it."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name, self.value = name, value

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        for parameter in evaluate_dict(context, {self.name: self.value}).items():
            _add(context, parameter)


class SetUseSimTime(SetParameter):
    """Let all nodes that follow take their time from /clock, or from the system."""

    def __init__(self, value: Any, **kwargs: Any) -> None:
        super().__init__("use_sim_time", value, **kwargs)


class SetParametersFromFile(Action):
    """Give all nodes that follow the parameters of a file, until the scoped group ends."""

    def __init__(self, filename: PathLike | SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filename = filename

    def execute(self, context: LaunchContext) -> None:
        """Set them."""
        _add(context, str(ParameterFile(self.filename).evaluate(context)))
