"""What the page can ask of the replay, whoever carries it out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass

COMMANDS = ("pause", "resume", "step")


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    Attributes:
        success: whether it was done.
        message: one line.
    """

    success: bool
    message: str


class ReplayControl(ABC):
    """The replay as the page sees it. Every method may be called from any thread."""

    @abstractmethod
    def available(self) -> bool:
        """Whether there is a replay to control."""

    @abstractmethod
    def request(self, command: str) -> Future[Answer]:
        """Ask for one of COMMANDS."""
