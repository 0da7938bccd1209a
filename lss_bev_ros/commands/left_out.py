"""What a command goes on without."""

from __future__ import annotations

from dataclasses import dataclass

from .console import console

_SHOWN = 20
"""Lines of what was left out that are printed; the rest is counted."""


@dataclass
class LeftOut:
    """What of the source could not be read.

    Attributes:
        items: images, scans and frames.
        frames: those of which no image could be used.
    """

    items: int = 0
    frames: int = 0

    def item(self, problem: object) -> None:
        """An image or a scan, which the frame goes without."""
        self.items += 1
        if self.items <= _SHOWN:
            console.print(f"left out    {problem}", soft_wrap=True, markup=False)

    def frame(self, stamp: int, problem: object) -> None:
        """A frame, which the film goes on without."""
        self.frames += 1
        self.item(f"the frame at {stamp / 1e9:.3f} s: none of its images can be used ({problem})")

    def summary(self) -> str:
        """One line, or nothing where nothing was left out."""
        rest = self.items - self.frames
        parts = [f"frames: {self.frames}"] * bool(self.frames) + [f"images or scans: {rest}"] * bool(rest)
        return f"left out, since they cannot be read: {', '.join(parts)}" if parts else ""
