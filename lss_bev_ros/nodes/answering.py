"""The multi-sense network in the inference node: what it senses besides images, and what it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rclpy.node import Node
from tf2_ros import Buffer

from ..errors import RuntimeBackendError, WordsError
from ..runtime import Engine, FrameSet
from ..runtime.multi_sense.answers import ANSWERS, Answers
from ..runtime.multi_sense.engine import MultiSenseEngine
from ..runtime.multi_sense.moment import Moment
from ..runtime.multi_sense.prompts import PromptScorer
from ..words.prompts import parsed
from .answer_topics import AnswerTopics
from .configuration import InferenceParameters
from .diagnostics import OK, STALE, WARN, Status
from .lidar_sense import LidarSense
from .odometry_sense import OdometrySense
from .prompt_topics import PromptTopics

_SHOWN = 5.0
"""Seconds that a loss of memory stays in the diagnostics."""


class Answering:
    """Everything that the node has for a multi-sense network and not for the published one.

    Args:
        node: whose subscriptions and topics they are.
        engine: with the network.
        config: the node's parameters.
        buffer: where transforms arrive.
        cloud_arrived: told the stamp of each LiDAR cloud, in the executor.

    Attributes:
        senses: those in use.
        sees_vehicles: whether there is a vehicle grid to publish.
    """

    def __init__(
        self,
        node: Node,
        engine: MultiSenseEngine,
        config: InferenceParameters,
        buffer: Buffer,
        cloud_arrived: Callable[[int], None],
    ) -> None:
        self._node, self._engine, self._config = node, engine, config
        self._lacking: list[str] = []
        had = engine.config
        self.senses = self._chosen("senses", config.senses, had.senses)
        if not {"cameras", "lidar"} & set(self.senses):
            raise RuntimeBackendError(
                f"senses {', '.join(config.senses)}: the weights have {', '.join(had.senses)}; name cameras "
                f"or lidar among them, or leave `senses` empty"
            )
        given = [name for name, head in ANSWERS.items() if head in had.heads]
        answers = self._chosen("heads", config.heads, given)
        self.sees_vehicles = "segmentation" in answers
        self.odometry: OdometrySense | None = None
        if "memory" in self.senses:
            self.odometry = OdometrySense(
                node, buffer, config.odometry, config.base_frame, config.stale_after
            )
        self.lidar: LidarSense | None = None
        if "lidar" in self.senses:
            self.lidar = LidarSense(
                node,
                buffer,
                config.lidar or "lidar_top/points",
                config.base_frame,
                config.reliability,
                config.stale_after,
                cloud_arrived,
            )
        self._topics = AnswerTopics(node, answers, config.base_frame)
        self._scorer = PromptScorer()
        self._prompts = self._prompt_topics(answers)
        self._resets, self._reset_at = 0, -_SHOWN
        self._used: tuple[str, ...] = ()
        self._memory_age: float | None = None
        for line in self._lacking:
            node.get_logger().warning(line)

    def use(self, engine: Engine) -> None:
        """Go on with another engine of the same network, which remembers nothing yet."""
        assert isinstance(engine, MultiSenseEngine), engine
        self._engine = engine

    def answer(self, stamp: int, frame_set: FrameSet | None) -> Answers:
        """Answer what somebody listens to, and publish all but the vehicles.

        Args:
            stamp: of the moment, nanoseconds.
            frame_set: its images; None without.

        Raises:
            RuntimeBackendError, ImageError: as `MultiSenseEngine.answer`.
        """
        track = None if self.odometry is None else self.odometry.track
        pose = None if self.odometry is None else self.odometry.pose(stamp)
        if self.odometry is not None and (why := self.odometry.parted()):
            self._engine.memory.forget(why)  # its maps lie where the car was by other poses
            pose = self.odometry.pose(stamp)
        moment = Moment(
            stamp,
            frame_set,
            None if self.lidar is None else self.lidar.returns(stamp, track),
            pose,
            None if track is None or pose is None else track.motion(stamp),
        )
        if frame_set is None and moment.points is None and not len(self._engine.memory):
            raise RuntimeBackendError(self._nothing())
        answers = self._engine.answer(moment, self._wanted(), self.senses)
        self._used, self._memory_age = answers.senses, answers.memory_age
        self._topics.publish(answers)
        if self._prompts is not None:
            self._prompts.publish(answers)
        return answers

    def goes_without_cameras(self) -> bool:
        """Whether there may be something to answer by where no image can be used."""
        return (self.lidar is not None and self.lidar.comes) or len(self._engine.memory) > 0

    def statuses(self) -> list[Status]:
        """What is wrong with the senses and the heads, for the diagnostics."""
        told = list(self._lacking)
        values: dict[str, object] = {"senses": self.senses, "used": self._used}
        missing = False
        if self.lidar is not None:
            values |= self.lidar.values()
            if problem := self.lidar.problem():
                told.append(problem)
                missing = self.senses == ("lidar",)
            told += self.lidar.notes()
        if self.odometry is not None:
            memory = self._engine.memory
            values |= {"odometry": self.odometry.source, "memory_resets": memory.resets}
            if self._memory_age is not None:
                values["memory_age_s"] = self._memory_age
            if self.odometry.problem:
                told.append(self.odometry.problem)
            now = time.monotonic()
            if memory.resets > self._resets:
                self._resets, self._reset_at = memory.resets, now
            if now - self._reset_at < _SHOWN:
                told.append(f"what was remembered is forgotten: {memory.reason}")
        if self._prompts is not None and self._prompts.problem:
            told.append(self._prompts.problem)
        told += self._scorer.notes
        if told:
            return [Status("senses", STALE if missing else WARN, "; ".join(told), values)]
        return [Status("senses", OK, ", ".join(self._used or self.senses), values)]

    # -- parts ------------------------------------------------------------------------------------------

    def _nothing(self) -> str:
        """Why there is nothing to answer by."""
        if self.lidar is None:
            return "no image can be used, and nothing is remembered"
        reasons = [self.lidar.problem()] if self.lidar.problem() else self.lidar.notes()
        return "; ".join(reasons) or "nothing was sensed, and nothing is remembered"

    def _wanted(self) -> set[str]:
        wanted = self._topics.wanted()
        if self.sees_vehicles:
            wanted.add("segmentation")
        if self._prompts is not None and self._prompts.wanted():
            wanted.add("embedding")
        return wanted

    def _chosen(self, parameter: str, asked: Sequence[str], had: Sequence[str]) -> tuple[str, ...]:
        """What is asked for and there is, in the network's order; what there is not is told once."""
        if not asked:
            return tuple(had)
        if lacking := [name for name in asked if name not in had]:
            self._lacking.append(
                f"{parameter}: the weights have no {', '.join(lacking)}, so it is left out: they have "
                f"{', '.join(had)}"
            )
        return tuple(name for name in had if name in asked)

    def _prompt_topics(self, answers: Sequence[str]) -> PromptTopics | None:
        texts: Sequence[str] = self._config.prompts
        if "embedding" not in answers:
            if texts:
                self._lacking.append("prompts: the weights have no embedding, so there are no prompts")
            return None
        try:
            texts = parsed(texts)
        except WordsError as error:
            self._lacking.append(f"{error}; no prompt is shown")
            texts = ()
        return PromptTopics(self._node, texts, self._config.base_frame, self._scorer)
