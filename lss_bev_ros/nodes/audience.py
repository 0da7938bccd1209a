"""Whether those for whom a replay waits are all there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..topics import TF_STATIC_TOPIC, image_topic, info_topic, raw_image_topic

_PATIENCE = 3.0
"""Seconds after the images' subscribers in which those of calibration are found, or there are none."""

_SETTLING = 0.5
"""Seconds without a new subscription after which none is on its way; discovery tells them one by one."""


class Audience:
    """Waits until every camera has its subscribers, and what belongs to the images has them too.

    An image whose camera_info or transform nobody heard is of no use to a network, and subscriptions of one
    node are not discovered at the same time. On the other hand a viewer may want only images.
    """

    def __init__(self, cameras: Iterable[str], wanted: int) -> None:
        """Start to wait.

        Args:
            cameras: their names.
            wanted: subscribers of each camera, compressed and raw images together; 0 waits for nobody.
        """
        self._cameras = tuple(cameras)
        self._wanted = wanted
        self._counts: dict[str, int] = {}
        self._changed = 0.0
        self._complete: float | None = None

    def missing(self, counts: Mapping[str, int], now: float) -> list[str]:
        """What still lacks subscribers; nothing where the first frame may go out.

        Args:
            counts: topic of `topics.topics` to subscribers that its publisher is connected to.
            now: seconds of a clock that only goes forward.
        """
        if not self._wanted:
            return []
        if self._counts != counts:
            self._counts, self._changed = dict(counts), now
        if few := self._without_images():
            self._complete = None
            return few
        self._complete = now if self._complete is None else self._complete
        if (few := self.unheard()) and now - self._complete < _PATIENCE:
            return few
        return ["what is still being discovered"] if now - self._changed < _SETTLING else []

    def unheard(self) -> list[str]:
        """Topics that belong to the images and lack subscribers."""
        topics = [*(info_topic(name) for name in self._cameras), TF_STATIC_TOPIC]
        return [topic for topic in topics if self._counts.get(topic, 0) < self._wanted]

    def _without_images(self) -> list[str]:
        return [
            image_topic(name)
            for name in self._cameras
            if sum(self._counts.get(topic(name), 0) for topic in (image_topic, raw_image_topic))
            < self._wanted
        ]
