"""The network on an NVIDIA GPU: half precision, tables on the device, one CUDA graph from pixels to grid."""

from __future__ import annotations

import os
import queue
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np
import torch

from ...errors import RuntimeBackendError
from ...geometry import Camera, Pose, Rig
from ...model import LiftSplatShoot
from ..calibration_tables import KEPT, CalibrationCache
from ..engine import Engine
from ..frame_set import FrameSet, Prediction
from ..stopwatch import Stopwatch
from .image_loader import ImageLoader, image_sizes
from .jpeg_decoder import GpuJpegDecoder, has_gpu_jpeg
from .prediction import DevicePrediction
from .session import Network, Session
from .splat import has_triton
from .splat_tables import CameraTables, DeviceTables

DTYPES = {"fp16": torch.float16, "fp32": torch.float32}
CAMERAS = 6
"""That an engine is warmed up for."""

WARM_UP_SIZE = (1600, 900)
"""Of the images that it is warmed up with, those of nuScenes; others are captured at the first frame."""

SESSIONS = 2
"""Numbers of cameras that are kept ready at the same time."""

SLOTS = 2
"""Frame sets under way at the same time: one is decoded while the network runs on the other."""


class CudaEngine(Engine):
    """Lift-Splat-Shoot on a GPU.

    Args:
        model: the network, in evaluation mode; only its parameters are read.
        weights: what to call them.
        precision: `fp16` or `fp32`.
        reason: why this engine was chosen.
        kernels: `triton` for our own kernels, `torch` for PyTorch's, `compile` for those that torch.compile
            makes (a minute or more at the start); None takes our own where Triton is installed, in fp16.
        gpu_jpeg: whether to decode on the GPU; None where nvImageCodec is installed.
        exact: whether our own kernels keep what half precision rounds away where logits would feel it; in
            `fp16` alone. Logits are then within 0.01 of float32's.

    Raises:
        RuntimeBackendError: there is no GPU that works, or it lacks memory.
    """

    def __init__(
        self,
        model: LiftSplatShoot,
        weights: str,
        precision: str = "fp16",
        reason: str = "",
        kernels: str | None = None,
        gpu_jpeg: bool | None = None,
        exact: bool = False,
    ):
        if precision not in DTYPES:
            raise RuntimeBackendError(f"precision {precision!r} must be one of {', '.join(DTYPES)}")
        problem = cuda_missing()
        if problem is not None:
            raise RuntimeBackendError(f"backend 'cuda' cannot run here: {problem}; use 'torch' or 'auto'")
        self.config = model.config
        self.grid = model.config.grid
        self.weights = weights
        self.name = f"cuda-{precision}" + ("-exact" if exact else "")
        self._model = model
        self._dtype = DTYPES[precision]
        self._kernels = kernels or ("triton" if has_triton() and precision == "fp16" else "torch")
        self._gpu_jpeg = has_gpu_jpeg() if gpu_jpeg is None else gpu_jpeg
        if exact and (self._kernels != "triton" or precision != "fp16"):
            raise RuntimeBackendError("'exact' needs our own kernels in fp16: install Triton")
        self._exact = exact
        # Rounded images alone would move logits by 0.02.
        self._image_dtype = torch.float32 if exact else self._dtype
        self._device = this_gpu()
        self.reason = f"{reason}; {self._about()}"
        self._stream = torch.cuda.Stream(self._device)
        self._host = ThreadPoolExecutor(min(6, os.cpu_count() or 1), thread_name_prefix="decode")
        self._flights = ThreadPoolExecutor(SLOTS, thread_name_prefix="cuda")
        # PyTorch chooses cuDNN's algorithms per thread: one thread, so that all slots compute alike.
        self._captures = ThreadPoolExecutor(1, thread_name_prefix="capture")
        # Last in, first out, so that one frame at a time always meets the same, warm slot.
        self._slots: queue.LifoQueue[int] = queue.LifoQueue()
        for slot in reversed(range(SLOTS)):
            self._slots.put(slot)
        self._lock = threading.Lock()
        self._calibrations = CalibrationCache(self.config)
        self._tables: OrderedDict[tuple[str, tuple[str, ...]], CameraTables] = OrderedDict()
        self._seen: tuple[Rig, tuple[str, ...], CameraTables] | None = None
        self._sessions: OrderedDict[int, Session] = OrderedDict()
        self._loaders: OrderedDict[tuple[int, object], ImageLoader] = OrderedDict()
        try:
            self._warm_up()
        except BaseException:
            self.close()
            raise

    def infer(self, frame_set: FrameSet) -> Prediction:
        """See `Engine.infer`."""
        slot = self._slots.get()
        try:
            return self._fly(slot, frame_set)
        finally:
            self._slots.put(slot)

    def submit(self, frame_set: FrameSet) -> Future[Prediction]:
        """Start on a frame set and return at once; its images are decoded while the network runs on others.

        At most two are under way, further ones wait. Predictions come in the order of their submission where
        each is asked for its result in that order.

        Returns:
            The prediction, or what `infer` would have raised.
        """
        return self._flights.submit(self.infer, frame_set)

    def tables(self, frame_set: FrameSet) -> CameraTables:
        """What the calibration of the cameras with an image means, from the cache where it is known."""
        rig, given = frame_set.rig, frame_set.images
        names = rig.names if len(given) == len(rig) else tuple(n for n in rig.names if n in given)
        seen = self._seen
        if seen is not None and seen[0] is rig and seen[1] == names:
            return seen[2]
        key = (rig.fingerprint, names)
        if key not in self._tables:
            host = self._calibrations[rig.subset(names)]
            with torch.cuda.stream(self._stream):
                self._tables[key] = CameraTables.of(host, rig, names, self.config, self._device)
            if len(self._tables) > KEPT:
                self._tables.popitem(last=False)
        self._tables.move_to_end(key)
        self._seen = (rig, names, self._tables[key])
        return self._tables[key]

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """See `NetworkEngine.prepare`: (N, H, W, 3) on the GPU."""
        return images.permute(0, 2, 3, 1).to(self._device, self._image_dtype).contiguous()

    def network(
        self, images: torch.Tensor, tables: CameraTables, watch: Stopwatch | None = None
    ) -> torch.Tensor:
        """See `NetworkEngine.network`: float32 on the GPU, good until the next run."""
        with self._lock:
            return self._session(tables.cameras).run(images, tables, watch)

    def plan(self, cameras: int | None = None) -> Network:
        """The network that runs for a number of cameras, by default the usual one, for profiles."""
        return self._session(cameras or self._usual_cameras()).network

    def close(self) -> None:
        """See `Engine.close`."""
        self._flights.shutdown()
        self._captures.shutdown()
        self._host.shutdown()
        self._sessions.clear()
        self._loaders.clear()
        self._tables.clear()
        self._seen = None
        torch.cuda.empty_cache()

    def _fly(self, slot: int, frame_set: FrameSet) -> Prediction:
        watch = Stopwatch()
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        try:
            with torch.inference_mode():
                loader = self._loader(slot, frame_set.rig)
                loader(frame_set)
                watch.stage("load")
                with self._lock:
                    tables = self.tables(frame_set)
                    session = self._session(len(frame_set.rig))
                    pinned, logits = session.run_loaded(loader, tables, marks)
                marks[1].synchronize()
                occupancy = pinned.numpy().copy()
        except torch.cuda.OutOfMemoryError as error:
            raise too_little_memory() from error
        watch.stage("network")
        return DevicePrediction(
            frame_set.stamp, self.grid, logits, occupancy, tables.visible, self._timings(watch, marks)
        )

    def _warm_up(self) -> None:
        """Run once on nothing, so that kernels are compiled and captured before the first frame."""
        rig = warm_up_rig(self._usual_cameras())
        width, height = WARM_UP_SIZE
        blank = cv2.imencode(".jpg", np.zeros((height, width, 3), dtype=np.uint8))[1].tobytes()
        self.infer(FrameSet(0, rig, dict.fromkeys(rig.names, blank)))

    def _usual_cameras(self) -> int:
        """The number of cameras to be ready for."""
        return CAMERAS

    @staticmethod
    def _timings(watch: Stopwatch, marks: list[torch.cuda.Event]) -> Mapping[str, float]:
        """Decoding is what went before the network began, and the network what the GPU says it took."""
        total = watch.timings()["total"]
        network = marks[0].elapsed_time(marks[1])
        return {"decode": max(total - network, 0.0), "network": network, "total": total}

    def _loader(self, slot: int, rig: Rig) -> ImageLoader:
        """The loader of a slot for the image sizes of a rig."""
        key = (slot, tuple(image_sizes(rig).items()))
        with self._lock:
            if key not in self._loaders:
                decoder = GpuJpegDecoder(self._device) if self._gpu_jpeg else None
                self._loaders[key] = ImageLoader(rig, self._device, self._host, decoder)
                if len(self._loaders) > SLOTS * SESSIONS:
                    _, gone = self._loaders.popitem(last=False)
                    for session in self._sessions.values():
                        session.forget(gone)
            self._loaders.move_to_end(key)
            return self._loaders[key]

    def _session(self, cameras: int) -> Session:
        """The network for a number of cameras, captured when it is new."""
        if cameras not in self._sessions:
            with torch.no_grad(), torch.cuda.stream(self._stream):
                network, tables = self._build(cameras)
            self._stream.synchronize()
            self._sessions[cameras] = Session(network, tables, self.config, self._stream, self._captures)
            if len(self._sessions) > SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(cameras)
        return self._sessions[cameras]

    def _build(self, cameras: int) -> tuple[Network, DeviceTables]:
        """The network for a number of cameras and the tables that it reads."""
        tables = DeviceTables(self.config, cameras, self._device)
        return self._network(cameras, tables), tables

    def _network(self, cameras: int, tables: DeviceTables) -> Network:
        if self._kernels != "triton":
            from .plain_network import PlainNetwork

            return PlainNetwork(self._model, cameras, tables, self._dtype, self._kernels == "compile")
        from .fused_network import FusedNetwork
        from .planner import Planner

        planner = Planner.of_gpu(self._device, self._dtype, self._exact)
        return FusedNetwork(self._model, cameras, tables, planner)

    def _about(self) -> str:
        kernels = {"triton": "our own kernels", "torch": "PyTorch's kernels", "compile": "torch.compile"}
        jpeg = "nvImageCodec" if self._gpu_jpeg else "the CPU (pip install nvidia-nvimgcodec-cu13[nvjpeg])"
        return f"{kernels[self._kernels]} on {torch.cuda.get_device_name(self._device)}; JPEG by {jpeg}"


def warm_up_rig(cameras: int) -> Rig:
    """Cameras all round a car: several at one place would need larger tables than any car's."""
    optical = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    width, height = WARM_UP_SIZE
    intrinsics = np.array([[width, 0.0, width / 2], [0.0, width, height / 2], [0.0, 0.0, 1.0]])
    poses = [Pose.from_yaw(2 * np.pi * k / cameras).rotation @ optical for k in range(cameras)]
    place = np.array([0.0, 0.0, 1.5])
    return Rig(
        tuple(
            Camera(f"cam_{k}", intrinsics, width, height, Pose(turn, place)) for k, turn in enumerate(poses)
        )
    )


def this_gpu() -> torch.device:
    """The GPU that engines run on."""
    return torch.device("cuda", torch.cuda.current_device())


def cuda_missing() -> str | None:
    """Why there is no GPU to run on, or None where there is one that works."""
    if torch.version.cuda is None:
        return f"this PyTorch ({torch.__version__}) is built without CUDA"
    if not torch.cuda.is_available():
        return "PyTorch finds no GPU (nvidia-smi says whether the driver does)"
    try:
        torch.zeros(1, device="cuda").add_(1).cpu()
    except torch.cuda.OutOfMemoryError:
        return "the GPU's memory is full"
    except RuntimeError as error:
        first, *_ = str(error).splitlines() or ["no reason given"]
        return f"the GPU does not work with this PyTorch ({first})"
    return None


def can_be_exact() -> bool:
    """Whether there are our own kernels, and a GPU of the kind that `exact` is known to be right on.

    The compiler behind Triton has dropped a register of such a kernel before, so others have to be asked for.
    """
    return has_triton() and torch.cuda.is_available() and torch.cuda.get_device_capability() >= (9, 0)


def too_little_memory() -> RuntimeBackendError:
    """What to raise when the GPU's memory does not do."""
    free, total = (size / 2**20 for size in torch.cuda.mem_get_info())
    return RuntimeBackendError(
        f"too little GPU memory: {free:.0f} of {total:.0f} MiB are free and about 1000 are needed; "
        f"close other programs that use it (nvidia-smi), or use backend 'torch'"
    )
