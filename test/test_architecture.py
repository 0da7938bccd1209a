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
PIPROS = PACKAGE.parent / "pipros" / "src" / "pipros"
FACE = ("pipros", "pipros.bag", "pipros.launching", "pipros.topic")
"""Of pipros, what the package may import."""
ROS = {"rclpy", "launch", "launch_ros", "tf2_ros", "cv_bridge", "ament_index_python", "rosidl_runtime_py"}
KNOW_ROS = (
    "nodes",
    "bags",
    "benchmark",
    "demo",
    "endurance",
    "ros2.py",
    "ament_prefix.py",
    "messages",
    "camera_info.py",
    "camera_image.py",
    "topics.py",
)
GEOMETRY = {"geometry", "images"}
NETWORK = GEOMETRY | {"model", "answers", "runtime"}
DATA = GEOMETRY | {"dataset"}
ROS_FACE = {"camera_image", "camera_info", "messages", "topics"}
SCORES = {"evaluation", "visualization"}
START = {"openmp", "shipped_weights"}

LAYERS = {
    "errors": set(),
    "files": set(),
    "ament_prefix": set(),
    "missing": set(),
    "parent": set(),
    "openmp": set(),
    "shipped_weights": set(),
    "ros2": {"ament_prefix", "missing"},
    "ending": {"missing", "ros2"},
    "__init__": {"ending"},
    "geometry": set(),
    "images": set(),
    "words": set(),
    "model": {"geometry", "shipped_weights"},
    "answers": {"geometry", "model"},
    "runtime": {"geometry", "images", "model", "answers", "words", "shipped_weights"},
    "dataset": {"geometry", "images"},
    "synthetic": {"geometry", "dataset"},
    "evaluation": {"geometry"},
    "visualization": {"geometry", "images", "answers", "evaluation"},
    "doctor": {"geometry", "images"},
    "training": NETWORK | DATA | {"synthetic", "words"},
    "camera_image": {"images"},
    "camera_info": {"geometry"},
    "messages": GEOMETRY | {"model", "answers", "camera_image", "camera_info"},
    "topics": DATA | {"messages"},
    "dashboard": GEOMETRY | {"visualization"},
    "benchmark": NETWORK | SCORES | {"dataset", "messages", "dashboard", "openmp"},
    "deploy": NETWORK | {"evaluation", "training", "benchmark"},
    "adapt": NETWORK | DATA | {"evaluation", "doctor", "training"},
    "nodes": NETWORK | DATA | SCORES | ROS_FACE | {"parent", "dashboard", "doctor", "words", *START},
    "bags": DATA | ROS_FACE | {"visualization", "doctor", "nodes"},
    "demo": NETWORK | DATA | SCORES | ROS_FACE | {"parent", "synthetic", "nodes", "bags"},
    "endurance": NETWORK | DATA | ROS_FACE | {"parent", "evaluation", "benchmark", "deploy", "nodes"},
    "dataset_messages": {"topics"},  # the former name of topics; ends with 0.3
    "standalone": {"bags"},  # former names of what bags and pipros have; ends with 0.3
}
"""Lowest first, and which of those before it each may import."""
LAYERS["commands"] = set(LAYERS) - {"dataset_messages", "standalone", "ament_prefix"}
LAYERS["cli"] = {"commands", "ros2", "openmp"}

CROSSINGS = {
    "evaluation/frames.py": {"dataset", "runtime"},
    "evaluation/multi_sense.py": {"dataset", "runtime", "words"},
    "evaluation/moments.py": {"dataset", "runtime"},
    "evaluation/offline.py": {"dataset", "runtime"},
    "evaluation/robustness.py": {"dataset", "images", "runtime"},
    "evaluation/study.py": {"dataset", "runtime"},
    "evaluation/truth.py": {"dataset"},
    "evaluation/workers.py": {"dataset", "runtime"},
}
"""Files that may import more than their layer: a network is run over a data set, and what came is scored."""


def imports(path, package=PACKAGE):
    """Absolute names of the modules, and of what is in them, that a file imports, wherever in it."""
    parts = (package.name, *path.relative_to(package).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            full = ".".join(filter(None, (base, node.module)))
            yield from (f"{full}.{alias.name}" for alias in node.names)


def layer_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def cycles(graph):
    """Sets of nodes that reach one another: Tarjan's strongly connected components of two or more."""
    numbers, lowest, stack, found = {}, {}, [], []

    def visit(node):
        numbers[node] = lowest[node] = len(numbers)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in numbers:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], numbers[other])
        if lowest[node] == numbers[node]:
            place = stack.index(node)
            if len(members := stack[place:]) > 1:
                found.append(sorted(members))
            del stack[place:]

    for node in sorted(graph):
        if node not in numbers:
            visit(node)
    return found


def modules(package):
    """Every module of a package, by its dotted name, and the modules that it imports."""
    names = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if "overlay" not in parts:
            names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {}
    for name, path in names.items():
        wanted = (each if each in names else each.rpartition(".")[0] for each in imports(path, package))
        graph[name] = {each for each in wanted if each in names} - {name}
    return graph


FILES = [path for path in PACKAGE.rglob("*.py") if "overlay" not in path.parts]


def test_every_folder_and_module_has_its_layer():
    there = {layer_of(path) for path in FILES}
    assert there == set(LAYERS)


def test_layers_know_only_lower_ones():
    lower = set()
    for layer, allowed in LAYERS.items():
        assert allowed <= lower, f"{layer} is to import {allowed - lower}, which is not below it"
        lower.add(layer)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    layer = layer_of(path)
    crossings = CROSSINGS.get(path.relative_to(PACKAGE).as_posix(), set())
    for name in imports(path):
        root, *rest = name.split(".")
        if not path.relative_to(PACKAGE).as_posix().startswith(KNOW_ROS):
            assert root not in ROS, f"{path} imports {name}, but its layer knows nothing of ROS"
            assert not root.endswith("_msgs"), f"{path} imports {name}"
        if root == "lss_bev_ros" and rest and rest[0] not in (layer, "errors", "files", "__version__"):
            assert rest[0] in LAYERS.get(layer, ()) | crossings, f"{path} imports {name}"


@pytest.mark.parametrize("package", [PACKAGE, PIPROS], ids=lambda path: path.name)
def test_no_import_goes_in_a_circle(package):
    assert cycles(modules(package)) == []


def test_folders_import_each_other_one_way():
    graph = {layer: set() for layer in LAYERS}
    for path in FILES:
        for name in imports(path):
            root, *rest = name.split(".")
            if root == "lss_bev_ros" and rest and layer_of(path) in LAYERS and rest[0] != layer_of(path):
                graph[layer_of(path)].add(rest[0])
    assert cycles(graph) == []


def test_no_module_is_named_like_its_folder():
    """Which of the two is meant would have to be guessed."""
    assert [path for path in FILES if path.stem == path.parent.name] == []


def test_commands_lie_in_one_place():
    elsewhere = [path for path in FILES if layer_of(path) not in ("commands", "cli")]
    assert [path for path in elsewhere if {"typer", "typer.Typer"} & set(imports(path))] == []


def test_a_circle_is_found():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]


def test_the_stand_in_knows_nothing_of_the_package():
    for path in PIPROS.rglob("*.py"):
        assert not any(name.split(".")[0] == "lss_bev_ros" for name in imports(path, PIPROS)), path


def test_a_public_class_has_a_name_of_its_own():
    """A reader who looks for a class finds one."""
    places = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


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
    overlay = PIPROS / "overlay" / "rclpy"
    kept = set()
    for path in (*overlay.glob("node*.py"), overlay / "parameter_holder.py"):
        kept |= {name for _, _, names in own_names(path) for name in names}
    assert "_timers" in kept
    for path in (PACKAGE / "nodes").glob("*.py"):
        for name, bases, names in own_names(path):
            if "Node" in bases:
                assert not names & kept, f"{path.name}: {name}"
