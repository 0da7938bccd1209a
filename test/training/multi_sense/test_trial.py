"""The picture of a pair shows its points, boxes and future where they are."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from lss_bev_ros.training.multi_sense.trial import sheet, trial

MAGENTA = (255, 90, 220)


@pytest.fixture(scope="module")
def picture(pairs, pair_layout):
    return sheet(pairs, 0, pair_layout)


def test_a_sheet_has_cameras_above_and_three_views_from_above_below(picture, pair_layout):
    assert picture.dtype == np.uint8
    height = 2 * pair_layout.height
    assert picture.shape[0] > height + 600
    assert picture.shape[1] > 3 * 600
    assert picture[: height - 1, : 3 * pair_layout.width].std() > 20


def test_the_future_lies_ahead_of_the_car_in_every_view(picture, pairs, pair_layout):
    below = picture[2 * pair_layout.height + 6 :]
    for k in range(3):
        panel = below[:600, 606 * k : 606 * k + 600]
        rows, columns = np.nonzero((panel == MAGENTA).all(-1))
        # The car is in the middle and looks up; a cell of half a metre has three pixels.
        farthest = float(pairs.future[0, -1, 0])
        assert rows.min() == pytest.approx(300 - 6 * farthest, abs=5)
        assert abs(columns.mean() - 300) < 12


def test_a_trial_on_the_processor_writes_its_pictures(pairs, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("lss_bev_ros.training.multi_sense.synthetic.synthetic_pairs", lambda *_: pairs)
    trial(tmp_path, "cpu", 0.0, 1, 2, 7, 0.06)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pair_7_0.png", "pair_7_1.png"]
    assert "MB a pair" in capsys.readouterr().out
