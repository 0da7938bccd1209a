"""The direction of imports, as the README states it."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "lss_bev_ros"
ROS = {"rclpy", "launch", "launch_ros", "tf2_ros", "cv_bridge", "ament_index_python", "rosidl_runtime_py"}
KNOW_ROS = (
    "nodes",
    "bags",
    "benchmark",
    "demo",
    "ros2.py",
    "ament_prefix.py",
    "messages.py",
    "camera_info.py",
    "camera_image.py",
    "topics.py",
)
LAYERS = {
    "geometry": set(),
    "images": set(),
    "model": {"geometry"},
    "runtime": {"geometry", "images", "model"},
    "dataset": {"geometry", "images"},
    "evaluation": {"geometry", "dataset", "runtime"},
    "visualization": {"geometry", "dataset", "evaluation", "images"},
    "doctor": {"geometry", "evaluation", "images"},
    "dashboard": {"geometry", "images", "visualization"},
    "nodes": {
        "dashboard",
        "doctor",
        "geometry",
        "dataset",
        "images",
        "runtime",
        "evaluation",
        "visualization",
        "messages",
        "camera_image",
        "camera_info",
        "topics",
    },
}


FACE = ("pipros", "pipros.bag", "pipros.launching", "pipros.topic")


def imports(path):
    """Absolute names of the modules that a file imports, wherever in it."""
    package = ("lss_bev_ros", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                yield node.module
                continue
            base = ".".join(package[: len(package) - node.level + 1])
            full = f"{base}.{node.module}" if node.module else base
            yield from (f"{full}.{alias.name}" for alias in node.names)


FILES = [path for path in PACKAGE.rglob("*.py") if "overlay" not in path.parts]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    layer = path.relative_to(PACKAGE).parts[0]
    for name in imports(path):
        root, *rest = name.split(".")
        if not layer.startswith(KNOW_ROS):
            assert root not in ROS, f"{path} imports {name}, but its layer knows nothing of ROS"
            assert not root.endswith("_msgs"), f"{path} imports {name}"
        if root == "lss_bev_ros" and rest and layer in LAYERS and rest[0] not in (layer, "errors"):
            assert rest[0] in LAYERS[layer] or rest[0] == "__version__", f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_of_pipros_only_its_public_face_is_used(path):
    """Its README lists it; `standalone` keeps former names until 0.3."""
    if path.relative_to(PACKAGE).parts[0] == "standalone":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else ()
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pipros":
            assert node.module in FACE, f"{path} imports {node.module}"
            module = importlib.import_module(node.module)
            assert set(names) <= {*module.__all__, "bag", "launching", "topic"}, f"{path} imports {names}"
        elif isinstance(node, ast.Import):
            assert not any(name.startswith("pipros.") for name in names), f"{path} imports {names}"


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("lss_bev_ros.nodes.replay", {"torch", "numba", "nuscenes", "matplotlib"}),
        ("lss_bev_ros.nodes.evaluation", {"torch", "numba", "nuscenes", "matplotlib"}),
        ("lss_bev_ros.nodes.inference", {"numba", "nuscenes", "matplotlib", "PIL"}),
        ("lss_bev_ros.nodes.dashboard", {"torch", "numba", "nuscenes", "matplotlib", "PIL"}),
        ("lss_bev_ros.cli", {"torch", "numba", "nuscenes", "matplotlib", "cyclonedds"}),
    ],
)
def test_a_process_loads_no_library_that_it_does_not_use(module, without):
    code = (
        "import sys; from pipros import activate; activate(); "
        f"import {module}; print(*sorted({without!r} & sys.modules.keys()))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_the_package_depends_on_what_it_imports_of_ros():
    """On a ROS 2 with no more than that, every command must find its messages."""
    manifest = ElementTree.parse(PACKAGE.parent / "package.xml")
    named = {element.text for element in manifest.iter("exec_depend")}
    optional = {"cv_bridge", "rosidl_runtime_py"}  # taken where it is there; comes with rclpy's interfaces
    for path in FILES:
        for name in imports(path):
            root = name.partition(".")[0]
            if root in ROS - optional or root.endswith(("_msgs", "_srvs", "_interfaces")):
                assert {"tf2_ros": "tf2_ros_py"}.get(root, root) in named, f"{path} imports {name}"


def own_names(path):
    """What the classes of a file keep on themselves, by class: attributes and methods of one underscore."""
    for each in ast.parse(path.read_text()).body:
        if isinstance(each, ast.ClassDef):
            stored = {
                node.attr
                for node in ast.walk(each)
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                if isinstance(node.value, ast.Name) and node.value.id == "self"
            }
            methods = {node.name for node in each.body if isinstance(node, ast.FunctionDef)}
            bases = {base.id for base in each.bases if isinstance(base, ast.Name)}
            names = {name for name in stored | methods if name.startswith("_")}
            yield each.name, bases, {name for name in names if not name.startswith("__")}


def test_no_node_hides_what_its_base_keeps():
    """A subclass that takes a name of the stand-in's Node would break it where that is used."""
    overlay = PACKAGE.parent / "pipros" / "src" / "pipros" / "overlay" / "rclpy"
    kept = set()
    for path in (*overlay.glob("node*.py"), overlay / "parameter_holder.py"):
        kept |= {name for _, _, names in own_names(path) for name in names}
    assert "_timers" in kept
    for path in (PACKAGE / "nodes").glob("*.py"):
        for name, bases, names in own_names(path):
            if "Node" in bases:
                assert not names & kept, f"{path.name}: {name}"
