"""What is not there is named in one line, with what to install, however the package is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lss_bev_ros import missing

ROOT = Path(__file__).resolve().parents[1]

# Python reads it when it starts: the packages named in GONE cannot be found, as if they were not installed.
SITECUSTOMIZE = """
import os, sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        gone = name.partition(".")[0] in os.environ["GONE"].split(",")
        return None if gone else self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Without, sys.meta_path)
"""


@pytest.fixture
def without(tmp_path):
    """Run Python without some packages; its exit code and what it says on standard error."""
    (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE)

    def run(gone, *arguments, path=()):
        entries = [tmp_path, *path, ROOT, ROOT / "pipros" / "src"]
        environment = {**os.environ, "GONE": gone, "PYTHONPATH": os.pathsep.join(map(str, entries))}
        done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)
        return done.returncode, done.stderr

    return run


def only_line(outcome):
    code, said = outcome
    assert code == 1
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


def half_a_ros2(folder):
    """An rclpy of Jazzy, as far as an import goes, and nothing else."""
    for name in ("rclpy", "nav_msgs"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").touch()
    for name in ("clock", "node", "executors"):
        (folder / "rclpy" / f"{name}.py").write_text("def __getattr__(name): return type(name, (), {})\n")
    (folder / "nav_msgs" / "msg.py").write_text("class OccupancyGrid: pass\n")
    return folder


@pytest.mark.parametrize(
    ("gone", "remedy"),
    [
        ("typer", "typer is not installed: pip install typer"),
        ("rich", "rich is not installed: pip install rich"),
        ("pipros,rclpy", "pip install ./pipros"),
        ("cyclonedds,rclpy", "cyclonedds"),
    ],
)
@pytest.mark.parametrize("command", ["launch demo.launch.py", "demo"])
def test_the_command_without_what_it_needs(without, tmp_path, gone, remedy, command):
    arguments = [*command.split(), *(["--runs", str(tmp_path / "runs")] if command == "demo" else [])]
    assert remedy in only_line(without(gone, "-m", "lss_bev_ros.cli", *arguments)).lower()
    assert not (tmp_path / "runs").exists()


def test_an_extra_is_named_when_it_is_needed(without, tmp_path):
    said = only_line(without("numba", "-m", "lss_bev_ros.cli", "synthesize", str(tmp_path / "made")))
    assert "pip install 'lss_bev_ros[synthetic]'" in said


@pytest.mark.parametrize("gone", ["cv2", "torch"])
def test_a_node_without_what_pip_installs(without, gone, tmp_path):
    said = only_line(without(gone, "-m", "lss_bev_ros.cli", "run", "inference_node"))
    assert f"pip install {'opencv-python-headless' if gone == 'cv2' else gone}" in said


def test_a_node_without_ros2(without):
    assert "source its setup.bash" in only_line(
        without("rclpy,nav_msgs", "-m", "lss_bev_ros.nodes.inference")
    )


@pytest.mark.parametrize("name", ["inference_node", "-m"])
def test_half_a_ros2(without, tmp_path, name):
    """As `ros2 run` starts a node, by its script, and as launch does."""
    ros2 = half_a_ros2(tmp_path / "ros2")
    script = tmp_path / "inference_node"
    script.write_text("import sys\nfrom lss_bev_ros.nodes.inference import main\nsys.exit(main())\n")
    arguments = ["-m", "lss_bev_ros.nodes.inference"] if name == "-m" else [str(script)]
    said = only_line(without("pipros,tf2_ros,sensor_msgs", *arguments, path=[ros2]))
    assert "lacks sensor_msgs: apt install ros-" in said


def test_tf2_has_another_name_at_apt(monkeypatch):
    monkeypatch.setenv("ROS_DISTRO", "humble")
    said = missing.of_ros(ModuleNotFoundError("No module named 'tf2_ros'", name="tf2_ros"))
    assert said == "the ROS 2 here lacks tf2_ros: apt install ros-humble-tf2-ros-py"


def test_cyclone_dds_without_a_wheel(monkeypatch):
    monkeypatch.setattr(missing, "_has_wheels", lambda: False)
    said = missing.of_pip(ModuleNotFoundError("No module named 'cyclonedds'", name="cyclonedds"))
    assert "pip install 'lss_bev_ros[ros2]'" in said
    assert "\n" not in said


def test_a_library_that_cannot_be_loaded_is_no_missing_one():
    said = missing.of_pip(ImportError("libGL.so.1: cannot open shared object file", name="cv2"))
    assert said.startswith("cv2 cannot be loaded (libGL.so.1: cannot open shared object file): pip install ")


def test_an_import_of_our_own_is_our_mistake():
    error = ModuleNotFoundError("No module named 'lss_bev_ros.nowhere'", name="lss_bev_ros.nowhere")
    assert missing.of_pip(error) is None
    assert missing.of_ros(error) is None


def test_a_notebook_keeps_its_hook(without):
    code = "import sys; before = sys.excepthook; import lss_bev_ros; assert sys.excepthook is before"
    assert without("", "-c", code) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for an old Python by name")
def test_an_old_python_is_told_at_once():
    """As far as the file goes that Python reads first: it must not need what an old Python lacks."""
    code = "import sys; sys.version_info = (3, 9, 2); sys.path.insert(0, sys.argv.pop(1)); import lss_bev_ros"
    done = subprocess.run([sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "error: lss_bev_ros needs Python 3.10 to 3.14, this is 3.9: run it with one of those\n"
    )
