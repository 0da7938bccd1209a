"""Light of photographed skies, weather and lamps; by default there is nothing of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lss_bev_ros.errors import DatasetError
from lss_bev_ros.geometry import Pose
from lss_bev_ros.synthetic.backdrop import draw_backdrop
from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.image_light import SKY_HEIGHT, SKY_WIDTH, analysed, light_of, load_sky
from lss_bev_ros.synthetic.light import draw_light
from lss_bev_ros.synthetic.realism import Realism, WeatherRanges
from lss_bev_ros.synthetic.scenery import (
    LAMP_REACH,
    PLAIN_SCENERY,
    lamplight,
    photographed_sky,
    texel,
    weathered,
)
from lss_bev_ros.synthetic.weather import NEAREST_LAMPS, Weather, darkened, draw_weather, lamps_around


def sky_with_sun(azimuth=1.0, height=0.6, strength=4000.0, size=0.02):
    """Radiances of an even grey sky with a sun, and black ground."""
    polar = (np.arange(SKY_HEIGHT) + 0.5) / SKY_HEIGHT * np.pi
    around = (np.arange(SKY_WIDTH) + 0.5) / SKY_WIDTH * 2 * np.pi
    way = np.stack([np.sin(polar)[:, None] * np.cos(around), np.sin(polar)[:, None] * np.sin(around)], -1)
    way = np.concatenate([way, np.broadcast_to(np.cos(polar)[:, None, None], (*way.shape[:2], 1))], -1)
    sun = np.array([np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth), np.sin(height)])
    picture = np.where(way[..., 2:] > 0, 1.0, 0.05) * np.ones(3)
    picture[(way @ sun) > np.cos(size)] = strength
    return picture, sun


def test_the_sun_of_a_sky_is_where_it_is_brightest_and_throws_shadows_from_there():
    picture, sun = sky_with_sun()
    sky = analysed("clear", picture)
    assert np.allclose(sky.sun, sun, atol=0.02)
    # Irradiance over pi of a disc: radiance times its solid angle, by the factor that the sky was given.
    factor = sky.zenith.mean() / 1.0
    exact = 4000.0 * factor * np.pi * 0.02**2 / np.pi
    assert sky.sun_colour.mean() == pytest.approx(exact, rel=0.25)
    assert sky.map.max() < 12 * 0.62 * 1.5, "the disc itself is cut out of what is mirrored"


def test_a_sun_of_impossible_colours_is_a_white_one():
    picture, sun = sky_with_sun()
    picture[picture[..., 0] > 100] = 1e-6, 1e-6, 11800.0
    sky = analysed("blue", picture)
    assert np.allclose(sky.sun, sun, atol=0.02)
    assert sky.sun_colour.max() < 2 * sky.sun_colour.min()
    brightest = sky.map.reshape(-1, 3)[sky.map.sum(-1).argmax()]
    assert brightest.max() < 1.5 * brightest.min()


def test_skies_of_any_exposure_give_the_same_light():
    picture, _ = sky_with_sun()
    one, other = analysed("a", picture), analysed("a", picture * 37.0)
    for name in ("zenith", "horizon", "sun_colour", "sun"):
        assert np.allclose(getattr(one, name), getattr(other, name), rtol=1e-3)


def test_a_grey_sky_has_no_sun():
    sky = analysed("overcast", sky_with_sun(strength=1.0)[0])
    assert not sky.sun_colour.any()
    light = light_of(sky, 0.0, WorldConfig(), np.random.default_rng(0))
    assert light.cloud == 1.0


@pytest.mark.parametrize("turn", [0.0, 0.7, 4.0])
def test_a_turned_sky_is_brightest_where_its_sun_stands(turn):
    picture, _ = sky_with_sun()
    sky = analysed("clear", picture)
    light = light_of(sky, turn, WorldConfig(), np.random.default_rng(0))
    scenery = PLAIN_SCENERY._replace(photographed=1, sky=sky.map, sky_turn=turn)
    at_sun = photographed_sky(*light.sun, scenery)
    beside = photographed_sky(-light.sun[0], -light.sun[1], light.sun[2], scenery)
    assert at_sun[0] > 3 * beside[0]
    assert np.linalg.norm(light.sun) == pytest.approx(1.0)


def test_an_exr_that_is_no_whole_sky_is_refused(tmp_path):
    exr = pytest.importorskip("OpenEXR", reason="the extra `assets` is not installed")
    header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
    for shape in ((64, 128), (64, 64)):
        path = tmp_path / f"{shape[1]}.exr"
        with exr.File(dict(header), {"RGB": np.ones((*shape, 3), np.float32)}) as file:
            file.write(str(path))
    assert load_sky(tmp_path / "128.exr").zenith.mean() == pytest.approx(0.62, rel=0.05)
    with pytest.raises(DatasetError, match=r"64\.exr: 64 x 64 is no whole sky"):
        load_sky(tmp_path / "64.exr")
    (tmp_path / "cut.exr").write_bytes((tmp_path / "128.exr").read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"cut\.exr: no EXR picture"):
        load_sky(tmp_path / "cut.exr")


def test_by_default_surroundings_are_the_drawn_light_alone():
    light = draw_light(WorldConfig(), np.random.default_rng(0))
    around = draw_backdrop(WorldConfig(), light, None, np.random.default_rng(0))
    assert around.light == light
    assert around.weather == Weather()
    assert around.sky == -1
    assert all(np.array_equal(a, b) for a, b in zip(around.scenery, PLAIN_SCENERY, strict=True))


def test_weather_is_as_often_as_it_is_said_to_be():
    ranges = WeatherRanges(wet=0.3, dirty=0.6, dark=0.1)
    rng = np.random.default_rng(0)
    drawn = [draw_weather(ranges, rng) for _ in range(3000)]
    for name, share in (("wet", 0.3), ("dirt", 0.6), ("night", 0.1)):
        assert np.mean([getattr(w, name) > 0 for w in drawn]) == pytest.approx(share, abs=0.03)
    assert all(0 <= w.wet <= 1 and 0 <= w.dirt <= 1 and 0 <= w.night <= 1 for w in drawn)


def test_at_night_no_sun_shines_and_the_camera_exposes_longer():
    light = draw_light(WorldConfig(), np.random.default_rng(3))
    assert darkened(light, Weather()) == light
    night = darkened(light, Weather(night=1.0, sky=0.02))
    assert not any(night.sun_colour)
    assert np.mean(night.zenith) < 0.03 * np.mean(light.zenith)
    assert night.exposure > 2 * light.exposure


def test_the_nearest_lamps_are_kept_and_only_at_night():
    ego = Pose.from_yaw(0.5, (100.0, 50.0, 0.0))
    rng = np.random.default_rng(0)
    street = np.column_stack([rng.uniform(0, 200, (300, 2)), np.full(300, 8.4)])
    lamps = lamps_around(ego, street, [], 1.0)
    assert lamps.shape == (NEAREST_LAMPS, 8)
    far = np.hypot(*(lamps[:, :2] - [100, 50]).T)
    assert far.max() <= np.sort(np.hypot(*(street[:, :2] - [100, 50]).T))[NEAREST_LAMPS]
    # The car's own headlamps are the nearest, and shine ahead and a little down.
    assert np.allclose(lamps[0, :3], ego.apply(np.array([[3.5, 0, 0.75]]))[0], atol=1e-4)
    assert np.allclose(lamps[0, 3:5], [np.cos(0.5), np.sin(0.5)], atol=0.01)
    assert lamps[0, 5] < 0
    assert lamps_around(ego, street, [], 0.0).shape == (0, 8)


def test_lamps_light_what_faces_them_within_their_reach():
    lamp = np.array([[0, 0, 8, 0, 0, 0, 5.0, 0.0]], np.float32)
    below = lamplight(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, lamp)
    assert below[0] == pytest.approx(5.0 / (64 + 2) * (1 - 64 / LAMP_REACH**2), rel=1e-3)
    assert below[0] > 3 * lamplight(0.0, 0.0, 0.0, 0.0, 0.0, -1.0, lamp)[0]
    assert lamplight(40.0, 0.0, 0.0, 0.0, 0.0, 1.0, lamp)[0] == 0.0
    beam = np.array([[0, 0, 1, 1, 0, 0, 5.0, 1.0]], np.float32)
    ahead, behind = (lamplight(x, 0.0, 0.0, 0.0, 0.0, 1.0, beam) for x in (10.0, -10.0))
    assert ahead[0] > 0
    assert behind[0] == 0.0
    assert ahead[0] > ahead[1] > ahead[2], "it is warm"


def test_water_darkens_the_ground_and_makes_it_shine_and_nothing_else():
    dry = 0.1, 0.1, 0.1, 0.03
    wet = PLAIN_SCENERY._replace(wet=1.0)
    assert weathered(False, *dry, 0.0, 0.0, 3.0, 5.0, 0.0, 1.0, PLAIN_SCENERY) == dry
    r, _, _, gloss = weathered(False, *dry, 0.0, 0.0, 3.0, 5.0, 0.0, 1.0, wet)
    assert r < 0.06
    assert gloss > 0.25
    assert weathered(False, *dry, 0.0, 0.0, 3.0, 5.0, 0.0, 0.0, wet) == dry, "walls stay dry"
    assert weathered(False, *dry, 0.0, 0.0, 3.0, 5.0, 1.5, 1.0, wet) == dry, "so do roofs"


def test_dirt_is_on_paint_alone_and_mostly_low():
    clean = 0.8, 0.1, 0.1, 0.45
    dirty = PLAIN_SCENERY._replace(dirt=1.0)
    places = np.random.default_rng(0).uniform(0, 9, (300, 2))
    low, high = (
        np.mean([weathered(True, *clean, u, v, 0.0, 0.0, z, 0.0, dirty)[0] for u, v in places])
        for z in (0.3, 1.5)
    )
    assert low < high < 0.8
    assert weathered(False, *clean, 1.0, 1.0, 0.0, 0.0, 0.3, 0.0, dirty) == clean


def test_texels_repeat_are_upright_and_average_far_away():
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[0] = 255  # its top row is white
    levels = [picture, np.full((2, 2, 3), 128, np.uint8), np.full((1, 1, 3), 128, np.uint8)]
    scenery = PLAIN_SCENERY._replace(
        texels=np.concatenate([level.reshape(-1, 3) for level in levels]),
        textures=np.array([[0, 4, 4, 3]], np.int32),
    )
    top, bottom = texel(scenery, 0, 0.5, 0.875, 1.0), texel(scenery, 0, 0.5, 0.375, 1.0)
    assert top == pytest.approx((1.0, 1.0, 1.0), abs=1e-3)
    assert bottom == pytest.approx((0.0, 0.0, 0.0), abs=1e-3)
    assert texel(scenery, 0, -2.5, 7.875, 1.0) == pytest.approx(top, abs=1e-3)
    far = texel(scenery, 0, 0.5, 0.875, 4.0)
    assert far[0] == pytest.approx((128 / 255) ** 2.2, abs=0.02)


def test_realism_is_off_until_something_is_on():
    assert not Realism().on
    assert replace(Realism(), sky=0.1).on
    assert WorldConfig().realism == Realism()
