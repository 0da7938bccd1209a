"""The CPU engine against golden outputs, and its behaviour on frame sets good and bad.

From JPEG bytes, fp32 logits are within 2e-3 of the authors' (Pillow and PyTorch round some
pixels differently by one level). bf16 is within 0.25 at most and 0.04 on average, where logits span 8;
against a threshold that half of the cells pass, the two agree to an IoU of 0.97.
"""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.errors import LssBevError, ModelError, RuntimeBackendError
from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid, Camera, Pose, Rig
from lss_bev_ros.runtime import Engine, FrameSet, create_engine
from lss_bev_ros.runtime.cpu.engine import has_bfloat16

needs_bfloat16 = pytest.mark.skipif(not has_bfloat16(), reason="this processor lacks bfloat16 instructions")


@pytest.fixture(scope="module")
def golden_engine(lss_checkpoint):
    with create_engine("torch", lss_checkpoint, precision="fp32") as engine:
        yield engine


@pytest.fixture(scope="module")
def engine():
    with create_engine(weights="seed:0") as engine:
        yield engine


@pytest.fixture
def images(ring) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 256, (360, 640, 3), dtype=np.uint8) for name in ring.names}


def test_float32_gives_the_golden_logits_from_jpeg_bytes(golden_engine, reference_frame, lss_reference):
    golden = np.load(lss_reference / "golden.npz")["logits"]
    prediction = golden_engine.infer(reference_frame)
    assert prediction.stamp == reference_frame.stamp
    assert prediction.logits.dtype == np.float32
    np.testing.assert_allclose(prediction.logits, golden, atol=2e-3)


@needs_bfloat16
def test_bfloat16_stays_close_to_the_golden_logits(reference_frame, lss_reference, lss_checkpoint):
    golden = np.load(lss_reference / "golden.npz")["logits"]
    with create_engine("torch", lss_checkpoint, precision="bf16") as engine:
        logits = engine.infer(reference_frame).logits
    error = np.abs(logits - golden)
    assert error.max() < 0.25
    assert error.mean() < 0.04
    middle = np.median(golden)
    ours, theirs = logits > middle, golden > middle
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.97


def test_an_engine_says_what_it_is(engine):
    assert isinstance(engine, Engine)
    assert engine.name == ("torch-cpu-bf16" if has_bfloat16() else "torch-cpu-fp32")
    assert engine.weights == "seed 0 (untrained)"
    assert "bfloat16" in engine.reason


def test_stages_are_timed_in_order(engine, ring, images):
    timings = engine.infer(FrameSet(1, ring, images)).timings
    stages = ["decode", "preprocess", "camera_encoder", "splat", "bev_encoder", "postprocess", "total"]
    assert list(timings) == stages
    assert timings["total"] == pytest.approx(sum(timings[name] for name in stages[:-1]))


def test_seed_weights_give_faint_noise(engine, street_frame):
    prediction = engine.infer(street_frame)
    probability = prediction.probability
    assert 0.001 < probability.mean() < 0.2
    assert probability.max() < 0.5
    assert prediction.logits.std() > 0.05


def test_the_same_frame_gives_the_same_logits(engine, ring, images):
    first = engine.infer(FrameSet(1, ring, images)).logits
    np.testing.assert_array_equal(first, engine.infer(FrameSet(2, ring, images)).logits)


def test_a_lost_camera_contributes_nothing_and_blanks_its_sector(golden_engine, ring, images):
    whole = golden_engine.infer(FrameSet(1, ring, images))
    five = {name: image for name, image in images.items() if name != "cam_back"}
    lost = golden_engine.infer(FrameSet(1, ring, five))
    rig_of_five = Rig(tuple(camera for camera in ring.cameras if camera.name != "cam_back"))
    alone = golden_engine.infer(FrameSet(1, rig_of_five, five))
    np.testing.assert_array_equal(lost.logits, alone.logits)
    assert np.array_equal(lost.visible, alone.visible)
    assert not lost.visible[:80, 100].any()
    assert lost.visible[120:, 100].all()
    assert (lost.occupancy[~lost.visible] == -1).all()
    assert whole.visible[:80, 100].all()


def test_a_new_calibration_is_used_at_once(golden_engine, ring, images):
    before = golden_engine.infer(FrameSet(1, ring, images)).logits
    turned = Rig(
        tuple(
            Camera(c.name, c.intrinsics, c.width, c.height, Pose.from_yaw(0.3) @ c.pose) for c in ring.cameras
        )
    )
    after = golden_engine.infer(FrameSet(2, turned, images)).logits
    assert np.abs(after - before).max() > 0.05
    np.testing.assert_array_equal(before, golden_engine.infer(FrameSet(3, ring, images)).logits)


@pytest.mark.parametrize("count", [1, 12])
def test_other_numbers_and_sizes_of_cameras_run(engine, ring, count):
    cameras, images = [], {}
    for index in range(count):
        c = ring.cameras[index % 6]
        width, height = 640 - 40 * index, 360 - 10 * index
        cameras.append(Camera(f"camera_{index}", c.intrinsics, width, height, c.pose))
        images[f"camera_{index}"] = np.full((height, width, 3), 20 * index, dtype=np.uint8)
    prediction = engine.infer(FrameSet(1, Rig(tuple(cameras)), images))
    assert prediction.logits.shape == (200, 200)
    assert np.isfinite(prediction.logits).all()


def test_read_only_arrays_are_taken(engine, ring, images):
    frozen = {
        name: np.frombuffer(image.tobytes(), np.uint8).reshape(image.shape) for name, image in images.items()
    }
    np.testing.assert_array_equal(
        engine.infer(FrameSet(1, ring, frozen)).logits, engine.infer(FrameSet(1, ring, images)).logits
    )


def test_another_grid_can_be_asked_for(ring, images):
    grid = BevGrid(0.0, 40.0, -20.0, 20.0, 0.5)
    with create_engine(weights="seed:0", precision="fp32", grid=grid) as engine:
        prediction = engine.infer(FrameSet(1, ring, images))
    assert prediction.grid == grid
    assert prediction.logits.shape == prediction.visible.shape == (80, 80)


def jpeg(frame: FrameSet, name: str = "cam_front") -> bytes:
    return bytes(frame.images[name])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: data[:-2], "truncated"),
        (lambda data: b"", "image is empty"),
        (lambda data: b"\x89PNG" + data, "publish JPEG, PNG or WebP"),
        (lambda data: b"\xff\xd8 nothing in here \xff\xd9", "cannot be decoded"),
    ],
)
def test_a_damaged_image_names_its_camera_and_the_next_frame_is_served(engine, street_frame, spoil, says):
    images = dict(street_frame.images, cam_front=spoil(jpeg(street_frame)))
    with pytest.raises(RuntimeBackendError, match=f"cam_front: .*{says}") as caught:
        engine.infer(FrameSet(1, street_frame.rig, images))
    assert "\n" not in str(caught.value)
    assert engine.infer(street_frame).logits.shape == (200, 200)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((360, 641, 3), np.uint8), "641x360.*640x360"),
        (np.zeros((360, 640), np.uint8), "uint8 RGB"),
        (np.zeros((360, 640, 3), np.float32), "uint8 RGB"),
    ],
)
def test_an_image_that_does_not_fit_its_camera_is_named(engine, ring, images, image, says):
    with pytest.raises(RuntimeBackendError, match=f"cam_front: .*{says}"):
        engine.infer(FrameSet(1, ring, dict(images, cam_front=image)))


def test_no_image_and_an_unknown_camera_are_refused(engine, ring, images):
    with pytest.raises(RuntimeBackendError, match="no image"):
        engine.infer(FrameSet(1, ring, {}))
    with pytest.raises(RuntimeBackendError, match="cam_roof"):
        engine.infer(FrameSet(1, ring, dict(images, cam_roof=images["cam_front"])))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"backend": "tensorflow"}, "backend 'tensorflow'.*auto"),
        ({"precision": "int3"}, "precision 'int3'.*fp32"),
        ({"precision": "fp8"}, "precision 'fp8' is of files alone: .*`lss-bev quantize`"),
        ({"precision": "int8", "weights": "multi-seed:0"}, "precision 'int8' is of files alone"),
        ({"threads": -1}, "threads -1"),
        ({"threads": 1.5}, "threads 1.5"),
        ({"threads": True}, "threads True"),
    ],
)
def test_a_wrong_choice_names_the_parameter(wrong, says):
    with pytest.raises(RuntimeBackendError, match=says):
        create_engine(**wrong)


def test_weights_that_cannot_be_had_are_a_model_error(tmp_path):
    with pytest.raises(ModelError, match=r"none\.pt"):
        create_engine(weights=tmp_path / "none.pt")
    assert issubclass(ModelError, LssBevError)


def test_bfloat16_without_the_instructions_is_refused(monkeypatch):
    monkeypatch.setattr("lss_bev_ros.runtime.backends.has_bfloat16", lambda: False)
    with pytest.raises(RuntimeBackendError, match="fp32"):
        create_engine(precision="bf16")


def test_the_names_of_the_cameras_are_those_of_the_rig(street_frame):
    assert street_frame.rig.names == CAMERA_NAMES
