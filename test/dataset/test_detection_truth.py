"""Of a data set's annotations, those count that nuscenes-devkit counts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.evaluation import BoxSet, DetectionScore

devkit = pytest.importorskip(
    "nuscenes.nuscenes", reason="nuscenes-devkit, the oracle, is for Python below 3.13"
)


@pytest.mark.parametrize("root", ["street", "nuscenes_frame"])
def test_the_annotations_that_count_are_the_devkits(root, request):
    loaders = pytest.importorskip("nuscenes.eval.common.loaders")
    from nuscenes.eval.detection.config import config_factory
    from nuscenes.eval.detection.data_classes import DetectionBox

    root = request.getfixturevalue(root)
    nusc = devkit.NuScenes("v1.0-mini", str(root), verbose=False)
    tokens = [record["token"] for record in nusc.sample]
    theirs = loaders.add_center_dist(nusc, loaders.load_gt_of_sample_tokens(nusc, tokens, DetectionBox))
    theirs = loaders.filter_eval_boxes(nusc, theirs, config_factory("detection_cvpr_2019").class_range)
    reader, score = NuScenesReader(root), DetectionScore()
    speeds = []
    for scene in reader.scenes:
        for keyframe in reader.keyframes(scene):
            annotated = BoxSet.from_boxes(keyframe.boxes)
            score.update(annotated[np.zeros(0, int)], annotated, racks=keyframe.boxes)
            speeds += np.linalg.norm(annotated.velocities, axis=1).tolist()
    counts = {name: row["annotated"] for name, row in score.by_class.items() if row["annotated"]}
    assert counts == Counter(box.detection_name for box in theirs.all)
    there = [np.linalg.norm(box.velocity) for box in theirs.all]
    assert np.isnan(there).sum() <= np.isnan(speeds).sum()
    assert np.nanmax([0.0, *there]) <= np.nanmax([0.0, *speeds]) + 1e-3
