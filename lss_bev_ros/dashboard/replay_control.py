"""What the page can ask of the replay, whoever carries it out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
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


class Playback:
    """Whether the replay stands, by its diagnostics and by what it was asked since.

    Diagnostics come about once a second, and what was sent before an answer may come behind it. So they are
    believed once they count as many pauses and resumes as were answered (`switches`); until then it is as it
    was asked to be.
    """

    def __init__(self) -> None:
        self.answers = 0
        """Requests that the replay granted; who was told of more knows better than a state with fewer."""
        self._asked: bool | None = None
        self._expected = self._seen = 0

    def granted(self, command: str) -> None:
        """Note one of COMMANDS that the replay carried out."""
        self.answers += 1
        if command != "step":
            self._asked = command == "pause"
            self._expected = max(self._expected, self._seen) + 1

    def paused(self, diagnostics: Mapping[str, str]) -> bool:
        """Whether it stands, given the newest values of its status."""
        switches = diagnostics.get("switches", "")
        count = int(switches) if switches.isdecimal() else self._expected
        if count < self._seen:  # it was started anew
            self._expected = 0
        self._seen = count
        if count >= self._expected:
            self._asked = None
        return diagnostics.get("paused") == "True" if self._asked is None else self._asked
