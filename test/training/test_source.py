"""Which synthetic worlds a run draws: each once, and after an interruption others than before."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from lss_bev_ros.errors import TrainingError
from lss_bev_ros.geometry import CAMERA_NAMES, Camera, Lens, Pose, Rig
from lss_bev_ros.training import parcels, source
from lss_bev_ros.training.checkpoint import next_world, save_checkpoint
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.source import world_plans

LAYOUT = SampleLayout()


class Enough(Exception):
    """The process has sent as much as the test looks at."""


class Sent:
    """A queue that ends its process after some items."""

    def __init__(self, room):
        self.items, self._room = [], room

    def put(self, item):
        if len(self.items) == self._room:
            raise Enough
        self.items.append(item)


def numbers(sent, use):
    return [item[1] for item in sent.items if item[0] == use]


@pytest.fixture(params=["processor", "gpu"])
def work(request, monkeypatch):
    """What a process of a source does, with nothing drawn: the seeds instead of the samples."""
    monkeypatch.setattr("os.nice", lambda _: 0)
    if request.param == "gpu":
        monkeypatch.setattr(parcels, "send", lambda parcel: (parcel,))
        monkeypatch.setattr("lss_bev_ros.synthetic.parcel.pack_world", lambda seed, *rest, **more: seed)
        monkeypatch.setattr(parcels.torch, "set_num_threads", lambda _: None)
        return parcels._work
    monkeypatch.setattr(source, "synthetic_samples", lambda seed, *rest, **more: [seed])
    return source._work


def run(work, process, first_world):
    sent = Sent(8)
    with pytest.raises(Enough):
        work(sent, LAYOUT, world_plans(3, 0, 1, 1, 1, first_world, 4)[process])
    return sent


def test_the_processes_share_the_worlds_out(work):
    seen = [run(work, process, first_world=0) for process in range(3)]
    train = sorted(n for sent in seen for n in numbers(sent, "train"))
    assert len(set(train)) == len(train)
    assert sorted(n for sent in seen for n in numbers(sent, "val")) == [0, 1, 2, 3]


def test_a_resumed_run_draws_other_worlds_and_the_same_validation(work):
    first = run(work, 1, first_world=0)
    after = 1 + max(numbers(first, "train"))
    again = run(work, 1, first_world=after)
    assert min(numbers(again, "train")) >= after
    assert numbers(again, "val") == numbers(first, "val")


def test_no_training_world_is_a_validation_world(work):
    sent = run(work, 0, first_world=0)
    seeds = {use: {item[2] for item in sent.items if item[0] == use} for use in ("train", "val")}
    assert seeds["train"].isdisjoint(seeds["val"])


def test_the_checkpoint_says_which_worlds_were_drawn(tmp_path):
    needed = {"model": {}, "average": {}, "optimizer": {}, "step": 1, "elapsed": 1.0}
    save_checkpoint(tmp_path / "last.pt", needed | {"world": 7})
    assert next_world(tmp_path) == 7
    save_checkpoint(tmp_path / "last.pt", needed)
    assert next_world(tmp_path) == 0


def test_ranks_share_the_processes_out():
    plans = [plan for rank in range(2) for plan in world_plans(2, rank, 2, 1, 1, 0, 7)]
    assert sorted(world for plan in plans for world in plan.validation) == list(range(7))
    firsts = [next(plan.training()) for plan in plans]
    assert sorted(firsts) == [0, 1, 2, 3]


def test_no_process_is_refused():
    with pytest.raises(TrainingError, match="workers"):
        world_plans(0, 0, 1, 1, 1)


def test_keyframes_of_lenses_teach_what_pinholes_would_have_seen():
    forward = Pose(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([1.7, 0.0, 1.5]))
    k = np.array([[633.0, 0.0, 408.0], [0.0, 633.0, 245.0], [0.0, 0.0, 1.0]])
    plain = Camera("cam_front", k, 800, 450, forward)
    bent = replace(plain, lens=Lens("plumb_bob", (-0.34, 0.14, 0.001, -0.001, -0.03)))
    samples = [source.keyframe_sample(keyframe_of(camera), LAYOUT) for camera in (plain, bent)]
    place = CAMERA_NAMES.index("cam_front")
    straight, seen = (sample.images[place].astype(int) for sample in samples)
    assert straight.std() > 20
    assert np.abs(seen - straight)[4:-4, 4:-4].mean() < 2
    assert np.array_equal(samples[0].calibration, samples[1].calibration)


def keyframe_of(camera):
    """A keyframe whose only camera takes a smooth picture of what lies along its rays."""
    pixels = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1)
    x, y, _ = np.moveaxis(camera.rays(pixels), -1, 0)
    picture = [np.sin(9 * x + 2 * y), np.cos(7 * y - 3 * x), np.sin(5 * x) * np.cos(4 * y)]
    picture = (127.5 + 100 * np.stack(picture, axis=-1)).round().astype(np.uint8)
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes()
    shot = SimpleNamespace(camera=camera, encoded=lambda: encoded, jpeg=lambda: encoded)
    return SimpleNamespace(rig=Rig((camera,)), cameras={camera.name: shot}, boxes=[])
