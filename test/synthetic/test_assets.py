"""Folders of models, textures and skies: upright, of their role's size, textured, or left out with a line."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

pytest.importorskip("trimesh", reason="the extra `assets` is not installed")

from lss_bev_ros.errors import DatasetError
from lss_bev_ros.synthetic.assets import ROLES, load_assets, role_of, upright
from lss_bev_ros.synthetic.material import Palette
from lss_bev_ros.synthetic.models import Houses, vehicle_meshes

CAR = np.array([4.5, 1.95, 1.5])


def write_box(path, size, middle=(0, 0, 0.5), texture="", low_front=True):
    """An OBJ of a box of `size`, its bonnet lower at +x: two boxes, a long and a high one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines, faces = ["mtllib it.mtl", "usemtl body"], []
    parts = [((0.0, 1.0), (0.0, 0.6)), ((0.0, 0.7), (0.6, 1.0))] if low_front else [((0.0, 1.0), (0.0, 1.0))]
    for (x0, x1), (z0, z1) in parts:
        first = sum(line.startswith("v ") for line in lines) + 1
        for z in (z0, z1):
            for x, y in ((x0, 0), (x1, 0), (x1, 1), (x0, 1)):
                corner = (np.array([x, y, z]) - 0.5 + np.array(middle)) * size
                lines.append("v {} {} {}".format(*corner))
                lines.append(f"vt {x} {z}")
        sides = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 5, 6, 7), (3, 2, 1, 0)]
        faces += ["f " + " ".join(f"{first + k}/{first + k}" for k in side) for side in sides]
    path.write_text("\n".join(lines + faces) + "\n")
    mtl = ["newmtl body", "Kd 0.8 0.1 0.1", *([f"map_Kd {texture}"] if texture else [])]
    (path.parent / "it.mtl").write_text("\n".join(mtl) + "\n")


def write_picture(path, colour, side=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(
        str(path), np.full((side, side, len(colour)), colour[::-1] if len(colour) == 3 else colour, np.uint8)
    )


@pytest.mark.parametrize("unit", [1.0, 0.01, 0.0254, 0.001])
def test_a_car_in_any_unit_has_a_car_s_size(tmp_path, unit):
    write_box(tmp_path / "sedan" / "it.obj", CAR / unit)
    assets = load_assets(tmp_path)
    assert np.allclose(assets.shapes[0].size, CAR, rtol=1e-3)
    assert not [line for line in assets.notices if "scaled" in line]
    low = assets.shapes[0].vertices.min((0, 1))
    assert np.allclose(low, [-CAR[0] / 2, -CAR[1] / 2, 0], atol=1e-3)


def test_a_car_in_no_known_unit_is_scaled_and_told(tmp_path):
    write_box(tmp_path / "sedan" / "it.obj", CAR * 7)
    assets = load_assets(tmp_path)
    assert np.allclose(assets.shapes[0].size, CAR, rtol=0.05)
    assert any("sedan/it.obj: scaled by 0.14" in line for line in assets.notices)


@pytest.mark.parametrize("turn", ["xyz", "yxz", "xzy", "yzx"])
def test_a_car_stands_on_its_wheels_and_looks_ahead(turn):
    """Its bonnet, lower than its cabin, ends up at +x whatever axes it was made along, and whichever way."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-0.5, 0.5, (2, 4000))
    top = np.where(x > 0.2, 0.6, 1.0)
    points = np.stack([x, y, rng.uniform(0, 1, 4000) * top], -1) * CAR
    order = ["xyz".index(axis) for axis in turn]
    for sign in (1, -1):
        moved = points * [sign, sign, 1]
        turned, scale = upright(moved[:, order].reshape(-1, 1, 3).repeat(3, 1), "car", "it")
        back = moved[:, order] @ turned.T * scale
        assert back[:, 2].max() - back[:, 2].min() == pytest.approx(CAR[2], rel=0.15)
        assert back[back[:, 0] > 1.4][:, 2].max() < back[back[:, 0] < 0][:, 2].max() - 0.3
        assert np.linalg.det(turned) == pytest.approx(1.0)


def test_what_is_no_car_is_left_out_with_the_reason(tmp_path):
    write_box(tmp_path / "car" / "it.obj", np.array([3.0, 3.0, 3.0]))
    write_box(tmp_path / "bus" / "it.obj", np.array([11.5, 2.7, 3.3]))
    assets = load_assets(tmp_path)
    assert [shape.role for shape in assets.shapes] == ["bus"]
    assert any("car/it.obj: its proportions (3 x 3 x 3) are not those of a car" in n for n in assets.notices)


def test_a_texture_is_found_wherever_it_lies_below_the_model(tmp_path):
    write_box(tmp_path / "suv" / "meshes" / "it.obj", CAR, texture="../nowhere/paint.png")
    write_picture(tmp_path / "suv" / "materials" / "paint.png", (200, 100, 50))
    assets = load_assets(tmp_path)
    shape = assets.shapes[0]
    assert (shape.texture == 0).all()
    assert np.allclose(assets.average(0), (np.array([200, 100, 50]) / 255) ** 2.2, atol=0.01)
    # Twelve square metres of sides and so on: texels a metre are a few tens.
    assert 10 < shape.density[0] < 60


def test_a_model_without_texture_is_drawn_in_its_colour_and_told(tmp_path):
    write_box(tmp_path / "suv" / "it.obj", CAR)
    assets = load_assets(tmp_path)
    assert "suv/it.obj: has no texture; drawn in its plain colour" in assets.notices
    assert np.allclose(assets.shapes[0].colour[0], [0.8, 0.1, 0.1], atol=0.01)
    write_box(tmp_path / "suv" / "it.obj", CAR, texture="lost.png")
    lines = load_assets(tmp_path).notices
    assert any("suv/it.obj: names lost.png, which is nowhere in the folder" in line for line in lines)


def test_a_model_without_places_in_a_texture_is_drawn_in_its_colour(tmp_path):
    """A picture that lies beside it cannot be laid on it."""
    path = tmp_path / "suv" / "it.obj"
    write_box(path, CAR)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("vt ")]
    path.write_text("\n".join(" ".join(w.split("/")[0] for w in line.split()) for line in lines) + "\n")
    write_picture(tmp_path / "suv" / "it.png", (200, 30, 30))
    assets = load_assets(tmp_path)
    assert (assets.shapes[0].texture == -1).all()
    assert any("suv/it.obj: has no texture; drawn in its plain colour" in line for line in assets.notices)


def test_places_in_a_texture_that_are_no_numbers_leave_a_model_out(tmp_path):
    write_box(tmp_path / "suv" / "it.obj", CAR, texture="paint.png")
    write_picture(tmp_path / "suv" / "paint.png", (200, 30, 30))
    text = (tmp_path / "suv" / "it.obj").read_text()
    (tmp_path / "suv" / "it.obj").write_text(text.replace("vt 0.0 0.0", "vt nan 0.0", 1))
    with pytest.raises(DatasetError, match=r"suv/it.obj: places in its texture are no numbers"):
        load_assets(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_damaged_picture_of_a_ground_costs_a_line(tmp_path, content):
    write_box(tmp_path / "sedan" / "it.obj", CAR)
    (tmp_path / "asphalt.png").write_bytes(content)
    assets = load_assets(tmp_path)
    assert len(assets.shapes) == 1
    assert not assets.grounds["asphalt"]
    assert any("asphalt.png: no picture of 8 bits that can be read" in line for line in assets.notices)


@pytest.mark.parametrize(("name", "role"), [("it.obj", "asphalt"), ("it.png", "car"), ("it.obj", ["car"])])
def test_a_role_that_a_file_cannot_have_is_refused(tmp_path, name, role):
    write_box(tmp_path / "it.obj", CAR)
    write_picture(tmp_path / "it.png", (9, 9, 9))
    (tmp_path / "assets.json").write_text(json.dumps({name: {"role": role}}))
    with pytest.raises(DatasetError, match=r"assets.json: it\.\w+: role .* is none of"):
        load_assets(tmp_path)


def test_windows_of_a_vehicle_are_dark_and_a_cut_out_tree_of_a_house_is_left_out(tmp_path):
    for name in ("suv", "house"):
        write_box(tmp_path / name / "it.obj", np.array(ROLES[name].size), texture="p.png", low_front=False)
        write_picture(tmp_path / name / "p.png", (255, 255, 255, 0))
    assets = load_assets(tmp_path)
    assert [shape.role for shape in assets.shapes] == ["suv"]
    assert assets.average(0).max() < 0.01
    assert any(line.startswith("house/it.obj: its texture is cut out") for line in assets.notices)


def test_a_damaged_model_costs_a_line(tmp_path):
    write_box(tmp_path / "suv" / "it.obj", CAR)
    (tmp_path / "bus.dae").write_text("<COLLADA>")
    (tmp_path / "truck.obj").write_text("v 0 0 0\n")
    notices = load_assets(tmp_path).notices
    assert any(line.startswith("bus.dae: cannot be read") for line in notices)
    assert any(line.startswith("truck.obj: ") for line in notices)


def test_a_folder_that_has_nothing_says_what_it_may_have(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        load_assets(tmp_path / "none")
    with pytest.raises(DatasetError, match="nothing in it can be used; it takes OBJ, DAE, PNG, JPEG or EXR"):
        load_assets(tmp_path)


def test_assets_json_says_what_words_do_not(tmp_path):
    write_box(tmp_path / "thing17.obj", CAR)
    (tmp_path / "assets.json").write_text(json.dumps({"thing17.obj": {"role": "car", "front": "-x"}}))
    ahead = load_assets(tmp_path).shapes[0]
    high = ahead.vertices[..., 2] > 1.0
    assert ahead.vertices[high][:, 0].mean() > 0, "its cabin is in front now"
    (tmp_path / "assets.json").write_text(json.dumps({"thing17.obj": {"role": "boat"}}))
    with pytest.raises(DatasetError, match="role 'boat' is none of"):
        load_assets(tmp_path)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("gazebo/hatchback_red/meshes/hatchback.obj", "car"),
        ("fire_truck/meshes/x.obj", "fire truck"),
        ("school_bus/a.dae", "bus"),
        ("bus_stop/meshes/base_link.dae", ""),
        ("car_wheel/meshes/car_wheel.dae", ""),
        ("house_1/meshes/house_1.dae", "house"),
        ("Carpet/carpet.obj", ""),
    ],
)
def test_words_tell_roles(name, role):
    assert role_of(name) == role


def test_grey_textures_are_painted_and_coloured_ones_are_not(tmp_path):
    write_box(tmp_path / "suv" / "it.obj", CAR, texture="p.png")
    write_picture(tmp_path / "suv" / "p.png", (220, 220, 220))
    palette = Palette()
    meshes = vehicle_meshes(load_assets(tmp_path), palette, np.random.default_rng(2))
    table = palette.table()
    assert {category for category, _ in meshes} == {"vehicle.car"}
    assert len(np.unique(table.colour.round(3), axis=0)) > 1
    write_picture(tmp_path / "suv" / "p.png", (220, 40, 40))
    palette = Palette()
    vehicle_meshes(load_assets(tmp_path), palette, np.random.default_rng(2))
    assert (palette.table().colour.std(1) < 1e-3).all()


def test_a_house_fills_its_lot(tmp_path):
    write_box(tmp_path / "house" / "it.obj", np.array(ROLES["house"].size), low_front=False)
    houses = Houses(load_assets(tmp_path), Palette(), 1.0, np.random.default_rng(0))
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    lot = np.array([[0, 0], [12, 0], [12, 9], [0, 9]]) @ turn.T + 50
    mesh = houses.on_lot(lot)
    flat = (mesh.vertices.reshape(-1, 3)[:, :2] - lot[0]) @ turn
    assert np.allclose(flat.min(0), 0, atol=0.02)
    assert np.allclose(flat.max(0), [12, 9], atol=0.02)
    assert Houses(load_assets(tmp_path), Palette(), 0.0, np.random.default_rng(0)).on_lot(lot) is None
