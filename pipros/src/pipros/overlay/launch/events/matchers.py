"""Matchers of `launch.events.matchers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.action import Action


def matches_action(target_action: Action) -> Callable[[Action], bool]:
    """Return a matcher that takes this action alone."""
    return lambda action: action is target_action
