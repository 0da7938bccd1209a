"""Asks a multi-sense network about instants, for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import EvaluationError, ImageError, RuntimeBackendError
from .left_out import LeftOut

if TYPE_CHECKING:
    import numpy as np

    from ..geometry import Pose, Rig
    from ..runtime.multi_sense.engine import MultiSenseEngine
    from ..visualization.moment import ShownMoment

_PROMPT = "zebra crossing"


class Asker:
    """Asks a multi-sense network for all answers of one instant after the other.

    Args:
        engine: of the network.
        prompts: texts to show; where there are none, one that needs no text encoder.
        left_out: told of images and instants that cannot be used.
    """

    def __init__(self, engine: MultiSenseEngine, prompts: tuple[str, ...], left_out: LeftOut) -> None:
        from ..runtime.multi_sense.prompts import PromptScorer
        from ..runtime.multi_sense.track import EgoTrack

        understands = "embedding" in engine.config.heads
        if prompts and not understands:
            raise EvaluationError(f"--prompt: weights {engine.weights} have no head `embedding`")
        if not prompts and understands:
            prompts = (_PROMPT,)
        self._engine, self._prompts, self._left_out = engine, prompts, left_out
        self._score, self._track = PromptScorer(), EgoTrack()

    def __call__(
        self,
        stamp: int,
        rig: Rig,
        images: Mapping[str, bytes | np.ndarray],
        returns: np.ndarray | None,
        ego: Pose | None,
    ) -> ShownMoment | None:
        """What to draw of an instant; None, which is counted, where nothing of it can be used.

        Args:
            stamp: nanoseconds.
            rig: calibrated cameras.
            images: camera name to a file or a picture.
            returns: (N, 3 to 5) x, y, z in base_link, intensity and age; None without LiDAR.
            ego: base_link in a frame that stands still.
        """
        from ..runtime import FrameSet
        from ..runtime.multi_sense.answers import ANSWERS
        from ..runtime.multi_sense.moment import Moment
        from ..visualization.moment import shown_moment

        if ego is not None:
            self._track.add(stamp, ego)
        motion = None if ego is None else self._track.motion(stamp)
        known = {name: image for name, image in images.items() if name in rig.names}
        moment = Moment(stamp, FrameSet(stamp, rig, known) if known else None, returns, ego, motion)
        wanted = set(ANSWERS) if self._prompts else set(ANSWERS) - {"embedding"}
        try:
            answers = self._engine.answer(moment, wanted)
        except (ImageError, RuntimeBackendError) as error:
            self._left_out.frame(stamp, error)
            return None
        for problem in answers.problems.values():
            self._left_out.item(problem)
        found = {}
        if answers.embedding is not None:
            found = dict(zip(self._prompts, self._score(answers.embedding, self._prompts), strict=True))
        return shown_moment(answers, rig, images, found)
