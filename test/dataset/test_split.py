"""Scenes are for training, validation or testing, never for two of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lss_bev_ros.dataset.split import SYNTHETIC_MARKER, scenes_of_split
from lss_bev_ros.errors import DatasetError, TrainingError
from lss_bev_ros.training.split import split_scenes

MINI = ("scene-0061", "scene-0103", "scene-0553", "scene-0655", "scene-0757", "scene-0796", "scene-0916")


def root(folder, scenes, version="v1.0-mini"):
    return SimpleNamespace(dataroot=folder, scenes=scenes, version=version)


def test_nuscenes_scenes_follow_the_devkit(tmp_path):
    train, val = (scenes_of_split(root(tmp_path, MINI), split) for split in ("train", "val"))
    assert set(val) == {"scene-0103", "scene-0916"}
    assert set(train) == set(MINI) - set(val)


def test_a_synthetic_root_is_all_for_testing(tmp_path):
    (tmp_path / SYNTHETIC_MARKER).write_text("{}")
    names = ("scene-0001", "scene-0002")
    assert scenes_of_split(root(tmp_path, names), "test") == names
    with pytest.raises(DatasetError, match="no scene of the split train"):
        scenes_of_split(root(tmp_path, names), "train")


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="holdout"):
        scenes_of_split(root(tmp_path, MINI), "holdout")


@pytest.mark.parametrize(("count", "validation"), [(2, 1), (5, 1), (11, 2)])
def test_other_roots_keep_every_fifth_scene_for_validation(tmp_path, count, validation):
    names = tuple(f"mine-{k}" for k in range(count))
    train, val = split_scenes(root(tmp_path, names))
    assert len(val) == validation
    assert set(train) | set(val) == set(names)
    assert not set(train) & set(val)


def test_one_scene_cannot_be_both(tmp_path):
    with pytest.raises(TrainingError, match="one scene"):
        split_scenes(root(tmp_path, ("mine-0",)))
