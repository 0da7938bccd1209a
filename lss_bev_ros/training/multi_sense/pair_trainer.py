"""The loop that trains the multi-sense network on pairs, whatever they are taught by."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch

from ...errors import TrainingError
from ...model.heads import BOX_NUMBERS
from ...model.memory_format import channels_last
from ...model.multi_sense import MultiSense
from ...model.multi_sense_weights import write_multi_sense
from ...model.senses import SEGMENTS
from ..augmentation import depth_targets, draw_augmentation, levelled, narrowed
from ..checkpoint import AVERAGE
from ..classifier import Classifier
from ..config import SampleLayout
from ..descent import train_encoder
from ..journal import Watch
from ..losses import depth_loss
from ..order import StepOrder
from ..run_loop import Feed, Message, Store, TrainingLoop
from .balance import IMPORTANCE, Balance, Importance
from .network import PairNetwork
from .pair import Instants, InstantsT
from .recipe import MultiSenseRecipe
from .variation import draw_variation, mirrored

START_PAIRS = 128
"""An endless source's pairs that the first step waits for."""
DEPTH_UNTIL = 0.75
"""Share of a run after which the depth of the pictures is no longer taught."""

T = TypeVar("T")
"""What pairs are taught by."""

P_co = TypeVar("P_co", bound=Instants, covariant=True)


class Pool(Store, Protocol[P_co]):
    """Pairs on a device; `pool.PairPool` is one."""

    def batch(self, index: torch.Tensor) -> P_co:
        """The pairs of an index (B,) int64."""


class PairFeed(Feed, Protocol[P_co]):
    """Gives pairs, as `source.Source` gives samples."""

    def take(self, wait: float) -> tuple[str, P_co] | None:
        """The next pairs, with `train` or `val`, or None if none came within `wait` seconds."""


class PairTrainer(TrainingLoop[MultiSense], Generic[InstantsT, T]):
    """One rank of a run; who derives from it says what a batch is taught by, and what that loses.

    Args:
        config: the recipe.
        model: to be trained, changed in place.
        source: of pairs.
        pool, validation: where they are kept.
        out: folder of the run: `last.pt`, `average.safetensors`, `train.csv`, `validation_*.csv`.
        layout: of the stored pictures.
        device: where to train.
        rank, ranks: of the run; torch.distributed is initialised where there are several.
        resume: go on where `out` was left.
        message: takes a line for the user; rank 0 only.
        watch: takes each log line's figures and the run's `progress`, 0 to 1; rank 0 only.
        began: `time.monotonic()` at which the session began.
        classifier: whose features the cameras' trunk is to keep; none by default.

    Raises:
        TrainingError: nothing to resume, or the run in `out` is of another network.
    """

    _config: MultiSenseRecipe
    _pool: Pool[InstantsT]
    _validation: Pool[InstantsT]
    _importance: ClassVar[dict[str, Importance]] = IMPORTANCE
    _frozen: ClassVar[tuple[str, ...]] = ()
    """Parts of the network that are left as they are, by the beginnings of their names."""

    def __init__(
        self,
        config: MultiSenseRecipe,
        model: MultiSense,
        source: PairFeed[InstantsT],
        pool: Pool[InstantsT],
        validation: Pool[InstantsT],
        out: Path,
        layout: SampleLayout | None = None,
        device: torch.device | str = "cpu",
        rank: int = 0,
        ranks: int = 1,
        resume: bool = False,
        message: Message | None = None,
        watch: Watch | None = None,
        began: float | None = None,
        classifier: Classifier | None = None,
    ):
        super().__init__(config, source, out, device, rank, ranks, message, watch, began, config.progress)
        self._pool, self._validation = pool, validation
        self._sizes = model.config.model
        self._layout = layout or SampleLayout.of(self._sizes)
        model.train().requires_grad_(True)
        if "cameras" in model.config.senses:
            train_encoder(model.camencode, config.drop_connect)
        for name, parameter in model.named_parameters():
            if name.startswith(self._frozen or (" ",)):
                parameter.requires_grad_(False)
        channels_last(model.to(self._device))
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        camera = [p for name, p in named if name.startswith("camencode.")]
        rest = [p for name, p in named if not name.startswith("camencode.")]
        groups = [{"params": rest, "share": 1.0}, {"params": camera, "share": config.camera_rate}]
        self._balance = Balance(self._importance, self._device)
        if classifier is not None:
            channels_last(classifier.to(self._device))
        network = PairNetwork(model, self._layout, config.precision, classifier)
        self._take_up(model, network, resume, groups)
        grid = self._sizes.grid
        self._mirrors = grid.y_min == -grid.y_max

    def _figures(self, parts: dict[str, torch.Tensor]) -> dict[str, float]:
        row: dict[str, float] = {}
        for key, loss in parts.items():
            row |= dict(zip(names_of(key, loss), loss.flatten().tolist(), strict=True))
        return row | {"depth_loss": row.get("depth", 0.0)}

    def load(self) -> None:
        """Take pairs until a run can start: all of a finite source, or enough of an endless one."""
        self._fill(START_PAIRS)
        if len(self._pool) < 1:
            raise TrainingError("the data has no pair to train on: check the data root")

    def advance(self, progress: float) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor, float]:
        """Take one optimiser step, at a progress of the run from 0 to 1.

        Returns:
            The balanced sum, the losses by name, the gradient's norm and the learning rate.
        """
        config, sizes = self._config, self._sizes
        order = StepOrder(config.seed, self.step, self._rank)
        pairs = self._pool.batch(order.index(len(self._pool), config.batch, self._source.endless))
        settled = config.settled(progress)
        cameras = pairs.present.shape[2]
        variation = draw_variation(
            config.losses,
            config.disturbance,
            self._model.config.senses,
            config.batch,
            cameras,
            order.generator(3),
            settled,
        ).to(self._device)
        if self._mirrors:
            pairs = mirrored(pairs, variation.mirrored)
        varied = narrowed(config.augmentation, sizes, settled)
        earlier, now = (
            draw_augmentation(varied, sizes, config.batch, cameras, order.generator(purpose)).to(self._device)
            for purpose in (4, 1)
        )
        # Stochastic depth, and the phrasing, draw from the global generator.
        torch.manual_seed(order.generator(2).initial_seed())
        rate = self._set_rate(progress)
        said, depth = self._wrapped(pairs, variation, (earlier, now))
        unlike = said.pop("photographs", None)
        losses = self._losses(said, self._taught(pairs), pairs)
        if unlike is not None:
            losses["photographs"] = unlike
        # The overlap of early guesses says little.
        factors = dict.fromkeys(("overlap", "voxel_overlap"), 0.3 + 0.7 * settled)
        if depth is not None and config.depth_weight > 0:
            calibration = pairs.calibration[:, 1]
            seen = replace(now, kept=now.kept & pairs.present[:, 1] & variation.cameras[:, 1])
            seen = levelled(seen, calibration, sizes)
            share, known = depth_targets(
                pairs.depth, self._model.frustum, seen, self._layout, sizes, calibration
            )
            losses["depth"] = depth_loss(depth, share, known)
            factors["depth"] = max(0.0, 1 - progress / DEPTH_UNTIL)
        total = self._balance.total(losses, factors)
        gradient = self._descend(total)
        return total.detach(), {name: loss.detach() for name, loss in losses.items()}, gradient, rate

    @abstractmethod
    def _taught(self, pairs: InstantsT) -> T:
        """What a batch is taught by."""

    @abstractmethod
    def _losses(self, said: dict[str, torch.Tensor], taught: T, pairs: InstantsT) -> dict[str, torch.Tensor]:
        """What the answers to a batch lose, by name."""

    def _more_state(self) -> dict[str, object]:
        return {"balance": self._balance.state()}

    def _restore_more(self, state: dict[str, Any]) -> None:
        self._balance.restore(state["balance"])

    def _write_average(self) -> None:
        facts = {"step": str(self.step), "licence": "Apache-2.0"}
        write_multi_sense(self._average.model, self._out / AVERAGE, facts, TrainingError)


def names_of(key: str, loss: torch.Tensor) -> list[str]:
    """Columns of a loss: one, or one for each of its parts."""
    parts = {"segments": SEGMENTS, "overlap": SEGMENTS, "box": BOX_NUMBERS}
    return [key] if loss.ndim == 0 else [f"{key}_{part}" for part in parts[key]]
