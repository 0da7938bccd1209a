"""Every example runs as it is, on a synthetic street."""

from __future__ import annotations

import ast
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from lss_bev_ros.model.multi_sense_names import BUILTIN, SHIPPED
from pipros import child_environment

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name: str) -> dict:
    return runpy.run_path(str(EXAMPLES / name))


def test_a_keyframe_becomes_a_grid_a_picture_and_scores(street, tmp_path, capsys):
    Image = pytest.importorskip("PIL.Image", reason="Pillow draws the sheet")
    out = tmp_path / "frame.png"
    example("predict_nuscenes.py")["main"](str(street), str(out))
    said = capsys.readouterr().out
    assert "cells are vehicle" in said
    assert "iou" in said
    assert Image.open(out).size[0] == 1920
    alike = float(said.split("in float32, ")[1].split("%")[0])
    assert alike > 99.0  # bfloat16, where the processor has it, moves a few cells


def test_an_exported_network_is_compared(street, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxslim")
    example("export_and_compare.py")["main"](str(street), str(tmp_path / "network.onnx"), "1")
    said = capsys.readouterr().out
    assert "Within the tolerances" in said
    assert (tmp_path / "network.onnx").is_file()


def test_live_cameras_become_a_grid(street, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    import rclpy
    from nav_msgs.msg import OccupancyGrid
    from rclpy.executors import SingleThreadedExecutor
    from tf2_msgs.msg import TFMessage

    from lss_bev_ros import topics
    from lss_bev_ros.dataset import NuScenesReader
    from lss_bev_ros.dataset.timeline import Mounting
    from lss_bev_ros.geometry import BevGrid
    from lss_bev_ros.nodes.qos import RELIABLE, latched_qos

    reader = NuScenesReader(street)
    keyframe = next(reader.keyframes("scene-0001"))
    context = rclpy.Context()
    rclpy.init(context=context)
    car = rclpy.create_node("car", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(car)
    grids: list[OccupancyGrid] = []
    car.create_subscription(OccupancyGrid, "bev/occupancy", grids.append, latched_qos())
    mounts = car.create_publisher(TFMessage, "/tf_static", latched_qos())
    poses = {name: shot.camera.pose for name, shot in keyframe.cameras.items()}
    mounts.publish(topics.mounted(Mounting(keyframe.stamp, poses), keyframe.stamp))
    made = [
        item for shot in keyframe.cameras.values() for item in topics.recording(shot, shot.stamp, BevGrid())
    ]
    outputs = {name: car.create_publisher(type(message), name, RELIABLE) for name, message in made}
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "live_cameras.py", *keyframe.cameras], env=child_environment(os.environ)
    )
    try:
        for _ in range(600):
            if grids or process.poll() is not None:
                break
            for name, message in made:
                outputs[name].publish(message)
            executor.spin_once(timeout_sec=0.5)
        assert grids, f"no grid came; the example ended with {process.poll()}"
    finally:
        process.terminate()
        process.wait(timeout=30)
        car.destroy_node()
        rclpy.shutdown(context=context)
    cells = np.array(grids[0].data).reshape(200, 200)
    assert (cells >= 0).mean() > 0.9
    assert grids[0].header.frame_id == "base_link"


def test_nav2_takes_the_grid_as_the_documentation_says():
    yaml = YAML(typ="safe")
    parameters = yaml.load((EXAMPLES / "nav2_costmap" / "costmap.yaml").read_text())
    costmap = parameters["costmap"]["costmap"]["ros__parameters"]
    text = (EXAMPLES.parent / "docs" / "nav2.md").read_text()
    documented = yaml.load(text.split("```yaml\n")[1].split("```")[0])
    assert costmap == documented["local_costmap"]["local_costmap"]["ros__parameters"]
    launched = example("nav2_costmap/costmap.launch.py")["generate_launch_description"]()
    assert len(launched.entities) == 3


def run_notebook(name: str) -> tuple[dict[str, object], list[object]]:
    """What a notebook's cells leave and show."""
    notebook = json.loads((EXAMPLES / name).read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {"__name__": "__main__"}
    shown = []
    for number, source in enumerate(cells):
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"cell {number}", "exec"), names)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names))
    return names, shown


def test_the_notebook_runs_from_top_to_bottom(street, tmp_path, monkeypatch, capsys):
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "DATAROOT", str(street))
    names, shown = run_notebook("quickstart.ipynb")
    sizes = [value.size for value in shown if hasattr(value, "size")]
    assert sizes == [(1200, 450), (600, 600), (600, 600)]
    assert "iou" in capsys.readouterr().out
    ahead = names["pixel"]
    assert 0 < ahead[0] < 1600
    assert 450 < ahead[1] < 900  # on the road, so below the middle


def test_the_notebook_of_all_answers_runs_from_top_to_bottom(street, tmp_path, monkeypatch, capsys):
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "DATAROOT", str(street))
    monkeypatch.setitem(os.environ, "WEIGHTS", BUILTIN if SHIPPED.is_file() else "multi-seed:0")
    names, shown = run_notebook("every_answer.ipynb")
    answers = names["answers"]
    assert answers.senses == ("cameras", "lidar", "memory")
    sizes = [value.size for value in shown if hasattr(value, "size")]
    assert sizes[:2] == [(1200, 600), (960, 540)]
    assert sizes[2][0] == 1440
    said = capsys.readouterr().out
    assert "layers.iou_drivable" in said
    assert "voxels.miou" in said


@pytest.mark.parametrize("name", ["quickstart.ipynb", "every_answer.ipynb"])
def test_a_notebook_is_committed_without_its_output(name):
    notebook = json.loads((EXAMPLES / name).read_text())
    assert not any(cell.get("outputs") for cell in notebook["cells"])
    assert all(cell.get("execution_count") is None for cell in notebook["cells"] if "execution_count" in cell)


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*")), ids=lambda path: path.name)
def test_every_example_is_listed(path):
    if path.is_file() and path.suffix in (".py", ".ipynb", ".yaml"):
        assert str(path.relative_to(EXAMPLES)) in (EXAMPLES / "README.md").read_text()
