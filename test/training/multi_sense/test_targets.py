"""What each head is asked for."""

from __future__ import annotations

import math

import pytest
import torch

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model.heads import BOX_NUMBERS
from lss_bev_ros.model.senses import DETECTED, OCCUPIED, SEGMENTS
from lss_bev_ros.synthetic.things import NUMBER
from lss_bev_ros.training.multi_sense.sight import Sight
from lss_bev_ros.training.multi_sense.targets import TargetMaker, boxes, expert, peak_radius, segments

from .fake_pairs import MODEL, SENSES, fake_pairs

GRID = BevGrid(-8, 8, -8, 8, 0.5)


def one_box(**values):
    row = {
        "class": DETECTED.index("car"),
        "x": 1.1,
        "y": -2.3,
        "z": 0.8,
        "length": 4.0,
        "width": 2.0,
        "height": 1.5,
        "yaw": math.pi / 2,
        "velocity_x": 3.0,
        "velocity_y": -1.0,
        "returns": 5.0,
    }
    return torch.tensor([[list((row | values).values()), [-1.0] + [0.0] * 10]])


def test_maps_come_from_their_bits_and_vehicles_need_a_return():
    pairs = fake_pairs(2)
    pairs.raster[1, 0, 0] = 128
    maps = dict(zip(SEGMENTS, segments(pairs)[1], strict=True))
    assert maps["vehicle"].sum() == 24
    assert maps["person"].nonzero().tolist() == [[3, 3]]
    assert maps["two_wheeler"].nonzero().tolist() == [[5, 3]]
    assert maps["drivable"].sum() == 32 * 16
    assert maps["crossing"].sum() == 16
    assert maps["walkway"].sum() == 32 * 6
    assert maps["lane_boundary"].sum() == 32
    assert maps["road_boundary"].sum() == 32


def test_a_box_has_its_numbers_at_its_cell():
    found = boxes(one_box(), GRID)
    assert found.kept.tolist() == [[True, False]]
    assert found.cells[0, 0] == 18 * 32 + 11
    numbers = dict(zip(BOX_NUMBERS, found.numbers[0, 0].tolist(), strict=True))
    # The cell's centre lies at (1.25, -2.25).
    assert numbers["offset_x"] == pytest.approx(-0.3, abs=1e-5)
    assert numbers["offset_y"] == pytest.approx(-0.1, abs=1e-5)
    assert numbers["z"] == pytest.approx(0.8)
    assert math.exp(numbers["length"]) == pytest.approx(4)
    assert math.exp(numbers["width"]) == pytest.approx(2)
    assert math.exp(numbers["height"]) == pytest.approx(1.5)
    assert (numbers["sin"], numbers["cos"]) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert (numbers["velocity_x"], numbers["velocity_y"]) == (3, -1)


def test_a_peak_is_one_at_its_centre_and_falls_off():
    heat = boxes(one_box(), GRID).heat[0]
    assert heat.max() == 1
    assert (heat == 1).nonzero().tolist() == [[DETECTED.index("car"), 18, 11]]
    assert 0 < heat[0, 19, 11] < 1
    assert heat[0, 19, 11] == heat[0, 17, 11] == heat[0, 18, 12]
    assert heat[1:].abs().max() == 0


@pytest.mark.parametrize("values", [{"returns": 0.0}, {"x": 8.2}, {"y": -8.1}, {"class": -1}])
def test_what_nobody_can_see_is_no_target(values):
    found = boxes(one_box(**values), GRID)
    assert not found.kept.any()
    assert found.heat.max() == 0


def test_where_two_peaks_overlap_the_higher_counts():
    both = torch.cat((one_box(), one_box(x=2.1)), 1)
    alone = [boxes(one_box(x=x), GRID).heat for x in (1.1, 2.1)]
    assert torch.equal(boxes(both, GRID).heat, torch.maximum(*alone))


def test_the_radius_is_that_of_cornernet():
    """`gaussian_radius((8, 4), 0.1)` of its code, by hand: the least of three roots."""
    a, b = 8.0, 4.0
    r3 = (-2 * 0.1 * 12 + math.sqrt((2 * 0.1 * 12) ** 2 + 16 * 0.1 * 0.9 * 32)) / 2
    r1 = (12 + math.sqrt(144 - 4 * 32 * 0.9 / 1.1)) / 2
    r2 = (24 + math.sqrt(576 - 16 * 0.9 * 32)) / 2
    radius = peak_radius(torch.tensor(a), torch.tensor(b))
    assert float(radius) == pytest.approx(min(r1, r2, r3), rel=1e-5)


def test_voxels_have_their_things_class_and_columns_what_matters_most():
    pairs = fake_pairs(2)
    made = TargetMaker(MODEL.grid, Sight(SENSES), "cpu")(pairs)
    assert made.occupancy.shape == (2, 16, 32, 32)
    assert made.occupancy[0, 2, 20, 20] == OCCUPIED.index("driveable_surface")
    assert made.occupancy[0, 9, 20, 20] == len(OCCUPIED)
    assert made.occupancy[1, 4, 25, 15] == OCCUPIED.index("car")
    assert made.things[0, 3, 3] == NUMBER["adult"]
    assert made.things[0, 20, 20] == NUMBER["road"]
    assert made.things[1, 24, 15] == NUMBER["sedan"]
    assert made.plain[1, 24, 15]


def test_what_stands_behind_a_wall_is_not_in_sight():
    things = torch.zeros(1, 32, 32, 16, dtype=torch.uint8)
    things[0, 24, :] = NUMBER["building"]
    seen = Sight(SENSES).seen(things)[0]
    assert seen[:24, 4:28, 4:8].all(), "free space before it"
    assert seen[24, 8:24, 4:8].all(), "the wall itself"
    assert not seen[29, 14:18, 4:8].any(), "behind it"
    assert seen[4, 14:18, 4:8].all(), "on the other side of the car"
    assert Sight(SENSES).seen(torch.zeros_like(things)).all()


def test_the_expert_is_the_nearest_template_of_a_known_future():
    templates = torch.randn(20, 6, 2)
    future = templates[[7, 3]] + 0.01
    future[1, 5, 0] = math.nan
    index, known = expert(templates, future)
    assert index[0] == 7
    assert known.tolist() == [True, False]
