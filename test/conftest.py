"""Fixtures that every test may use."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from pipros import activate

if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):
    # Before anything imports torch: tests side by side share the processors, as do the processes they start.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

activate()  # so that tests can say `import rclpy`, on ROS 2 where it is sourced and on the stand-in elsewhere

# A shell without job control starts background jobs with SIGINT ignored, and processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts a time.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

DrawnOnce = Callable[[str, Callable[[Path], object]], Path]

GOLDEN = Path(__file__).resolve().parent / "golden"
# What may not be in the repository: real nuScenes frames, and outputs made from them.
_OUTSIDE = Path(os.environ.get("LSS_BEV_ROS_TEST_DATA", GOLDEN.parents[2] / "shared"))


def outside(name: str, holds: str, variable: str, what: str) -> Path:
    """A folder of test data that the repository does not hold; skips the test where it is missing."""
    root = Path(os.environ.get(variable, _OUTSIDE / name))
    if not (root / holds).is_file():
        pytest.skip(f"no {what} at {root}; set LSS_BEV_ROS_TEST_DATA to the folder above, or {variable}")
    return root


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """SIGINT counts again after a test that ran a node in this process, which ignores it on its way out."""
    yield
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def ros_environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment with a ROS domain of this test run's own, for this process and the ones it starts."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return dict(os.environ)


@pytest.fixture
def ros(ros_environment: dict[str, str]) -> Iterator[None]:
    """A started rclpy without arguments; shut down at the end."""
    import rclpy

    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope="session")
def nuscenes_frame() -> Path:
    """Data root of one real nuScenes keyframe; it is licensed for tests only and never in the repository."""
    return outside("nuscenes_frame", "v1.0-mini/sample.json", "NUSCENES_FRAME", "real nuScenes frame")


@pytest.fixture(scope="session")
def nuscenes_reference() -> Path:
    """Folder with golden outputs of the published network on the real keyframe."""
    return outside("lss_reference", "golden.npz", "LSS_REFERENCE", "golden outputs on a nuScenes frame")


@pytest.fixture(scope="session", params=["street", "nuscenes"])
def lss_reference(request: pytest.FixtureRequest) -> Path:
    """Folder with golden outputs of the published network: on a frame in the repository, then a real one."""
    return GOLDEN if request.param == "street" else request.getfixturevalue("nuscenes_reference")


@pytest.fixture(scope="session")
def lss_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint with the weights that the golden outputs were made with (see the README beside them)."""
    torch = pytest.importorskip("torch")
    from lss_bev_ros.model import LiftSplatShoot

    from .golden.weights import drawn

    state = drawn(LiftSplatShoot().state_dict())
    path = tmp_path_factory.mktemp("checkpoint") / "golden.pt"
    torch.save(state, path)
    return path


def _package() -> str:
    """What a data set that is drawn depends on, beside NumPy."""
    import cv2
    import numba

    digest = hashlib.sha256((numba.__version__ + cv2.__version__).encode())
    for path in sorted((GOLDEN.parents[1] / "lss_bev_ros").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="session")
def drawn_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DrawnOnce:
    """Gives a copy of the folder that a function fills: `drawn_once(name, function)`.

    It is filled once for all processes of a run, and for later runs until the package changes.
    """

    import numpy as np

    def copied(name: str, draw: Callable[[Path], object]) -> Path:
        path = tmp_path_factory.mktemp("data") / name
        cache = getattr(request.config, "cache", None)
        folder = cache.mkdir(name) if cache else tmp_path_factory.mktemp("drawn")
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            drawn = folder / f"{np.__version__}-{_package()}"
            if not drawn.is_dir():
                for former in folder.glob(f"{np.__version__}-*"):
                    shutil.rmtree(former)
                draw(folder / "unfinished")
                (folder / "unfinished").replace(drawn)
            shutil.copytree(drawn, path)
        return path

    return copied


@pytest.fixture(scope="session")
def street(drawn_once: DrawnOnce) -> Path:
    """Data root of a short synthetic scene, `scene-0001`. Copy it before changing it."""
    from lss_bev_ros.synthetic import synthesize

    return drawn_once("street", lambda out: synthesize(out, scenes=1, seconds=2.0, seed=3))
