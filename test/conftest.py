"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
import zlib
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from lss_bev_ros.standalone import activate

if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):
    # Before anything imports torch: tests side by side share the processors, as do the processes they start.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

activate()  # so that tests can say `import rclpy`, on ROS 2 where it is sourced and on the stand-in elsewhere

# A shell without job control starts background jobs with SIGINT ignored, and processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts a time.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def nuscenes_frame() -> Path:
    """Data root of one real nuScenes keyframe; it is licensed for tests only and never in the repository."""
    root = Path(os.environ.get("NUSCENES_FRAME", _SHARED / "nuscenes_frame"))
    if not (root / "v1.0-mini" / "sample.json").is_file():
        pytest.skip(f"no real nuScenes frame at {root}; set NUSCENES_FRAME to one")
    return root


@pytest.fixture(scope="session")
def lss_reference() -> Path:
    """Folder with golden outputs of the published network."""
    root = Path(os.environ.get("LSS_REFERENCE", _SHARED / "lss_reference"))
    if not (root / "golden.npz").is_file():
        pytest.skip(f"no golden outputs of Lift-Splat-Shoot at {root}; set LSS_REFERENCE to them")
    return root


@pytest.fixture(scope="session")
def lss_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint with the weights that the golden outputs were made with (see the README beside them)."""
    torch = pytest.importorskip("torch")
    from lss_bev_ros.model import LiftSplatShoot

    state = {}
    for name, tensor in LiftSplatShoot().state_dict().items():
        draw = np.random.default_rng([0, zlib.crc32(name.encode())])
        shape = tuple(tensor.shape)
        if name in ("dx", "bx", "nx", "frustum") or not tensor.is_floating_point():
            state[name] = tensor
            continue
        if name.endswith("running_var"):
            values = draw.uniform(0.5, 1.5, shape)
        elif name.endswith("running_mean"):
            values = draw.normal(0, 0.1, shape)
        elif len(shape) == 1:
            values = draw.uniform(0.8, 1.2, shape) if name.endswith("weight") else draw.normal(0, 0.1, shape)
        else:
            values = draw.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        state[name] = torch.from_numpy(values.astype(np.float32))
    path = tmp_path_factory.mktemp("checkpoint") / "golden.pt"
    torch.save(state, path)
    return path


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data root of a short synthetic scene, `scene-0001`. Copy it before changing it."""
    from lss_bev_ros.synthetic import synthesize

    return synthesize(tmp_path_factory.mktemp("data") / "street", scenes=1, seconds=2.0, seed=3)
