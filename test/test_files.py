"""A file or a folder is there whole, or what was there before it is."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from lss_bev_ros.errors import DeployError, LssBevError
from lss_bev_ros.files import forget_partials, replacing, write, write_json

OLD, NEW = b"what was there", b"what replaces it"


@contextmanager
def disk_of(size):
    """No file of this process may grow beyond `size` bytes: what writes more fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def names(folder):
    """Everything in a folder, hidden or not."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_in_one_step(tmp_path):
    target = tmp_path / "new" / "folder" / "file.txt"
    for content in (OLD, NEW):
        assert write(target, content) == target
        assert target.read_bytes() == content
    assert names(target.parent) == ["file.txt"]


def test_writers_that_go_by_the_ending_find_it(tmp_path):
    with replacing(tmp_path / "picture.tar.png") as partial:
        assert partial.suffix == ".png"
        assert partial.parent == tmp_path
        partial.write_bytes(NEW)
    assert names(tmp_path) == ["picture.tar.png"]


def test_an_exception_leaves_the_old_file_and_passes_through(tmp_path):
    target = tmp_path / "file.txt"
    target.write_bytes(OLD)

    def fail():
        with replacing(target, DeployError) as partial:
            partial.write_bytes(NEW[:4])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert target.read_bytes() == OLD
    assert names(tmp_path) == ["file.txt"]


def test_a_process_that_dies_leaves_the_old_file(tmp_path):
    target = tmp_path / "file.txt"
    target.write_bytes(OLD)
    code = (
        "import os, sys; from lss_bev_ros.files import replacing\n"
        "with replacing(sys.argv[1]) as partial:\n"
        "    partial.write_bytes(b'half'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == OLD


def test_what_a_dead_process_left_is_in_nobodys_way(tmp_path):
    left = tmp_path / f".data.partial-{os.getpid()}"
    (left / "inner").mkdir(parents=True)
    write(tmp_path / "data", NEW)
    assert names(tmp_path) == ["data"]


@pytest.mark.parametrize("folder", [False, True])
def test_a_full_disk_is_one_line_that_names_the_file(tmp_path, folder):
    target = tmp_path / "results"

    def fill():
        with replacing(target, DeployError) as partial:
            if folder:
                partial.mkdir()
            (partial / "file" if folder else partial).write_bytes(bytes(2000))

    with disk_of(1000), pytest.raises(DeployError) as caught:
        fill()
    assert str(caught.value) == f"cannot write {target}: File too large; choose another place"
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path):
    (tmp_path / "file").write_bytes(OLD)
    target = tmp_path / "file" / "report.json"
    with pytest.raises(
        LssBevError, match=f"cannot write {target}: .*/file is a file, no folder; free the space"
    ):
        write_json(target, {}, remedy="free the space")
    with pytest.raises(LssBevError, match="/file is a file, no folder"):
        write_json(target / "deeper" / "report.json", {})
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(LssBevError, match="Permission denied"):
        write(tmp_path / "file", NEW)
    tmp_path.chmod(0o700)


def test_a_file_system_that_cannot_be_written_is_named():
    with pytest.raises(LssBevError, match="cannot write /proc/lss_bev_ros/file: "):
        write(Path("/proc/lss_bev_ros/file"), NEW)


def test_a_folder_takes_the_place_of_an_older_one(tmp_path):
    target = tmp_path / "data"
    for name in ("old", "new"):
        with replacing(target) as partial:
            (partial / "inner").mkdir(parents=True)
            (partial / "inner" / name).write_bytes(NEW)
        assert names(target / "inner") == [name]
    assert names(tmp_path) == ["data"]


def test_an_older_folder_comes_back_where_the_new_one_cannot_be_moved(tmp_path, monkeypatch):
    target = tmp_path / "data"
    target.mkdir()
    (target / "old").write_bytes(OLD)
    rename = Path.rename

    def failing(self, other):
        if ".partial-" in self.name:
            raise OSError(28, "No space left on device")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(LssBevError, match="No space left"), replacing(target) as partial:
        partial.mkdir()
    assert names(target) == ["old"]
    assert names(tmp_path) == ["data"]


def test_a_report_has_no_number_that_json_has_not(tmp_path):
    path = write_json(tmp_path / "report.json", {"iou": float("nan"), "place": tmp_path, "rows": ((1, 2.5),)})
    text = path.read_text()
    assert json.loads(text) == {"iou": None, "place": str(tmp_path), "rows": [[1, 2.5]]}
    assert text.endswith("}\n")


def test_libraries_that_hide_a_full_disk_say_it_too(tmp_path):
    """PyTorch and safetensors raise errors of their own where they open the file themselves."""
    torch = pytest.importorskip("torch")
    from lss_bev_ros.errors import TrainingError
    from lss_bev_ros.model.weights import write_weights
    from lss_bev_ros.training.checkpoint import save_checkpoint

    state = {"weight": torch.zeros(100_000)}
    with disk_of(1000):
        with pytest.raises(TrainingError, match=r"last\.pt: File too large"):
            save_checkpoint(tmp_path / "last.pt", state)
        with pytest.raises(DeployError, match=r"pruned\.safetensors: File too large"):
            write_weights(state, tmp_path / "pruned.safetensors", {}, DeployError)
    assert names(tmp_path) == []


def test_a_link_stays_one_and_its_file_is_replaced(tmp_path):
    target, link = tmp_path / "file", tmp_path / "link"
    target.write_bytes(OLD)
    link.symlink_to(target)
    assert write(link, NEW) == link
    assert link.is_symlink()
    assert target.read_bytes() == NEW


def test_a_file_keeps_the_mode_of_the_older_one(tmp_path):
    target = tmp_path / "file"
    target.write_bytes(OLD)
    target.chmod(0o600)
    write(target, NEW)
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    write(pipe, NEW)
    assert reader.communicate(timeout=20)[0] == NEW
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]


def test_the_current_folder_is_no_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LssBevError, match=r"cannot write \.: it is the current folder"):
        write(".", NEW)


def test_what_a_killed_process_left_of_the_same_file_goes(tmp_path):
    gone, mine = tmp_path / ".report.partial-4194999.json", tmp_path / f".report.partial-{os.getppid()}.json"
    other = tmp_path / ".other.partial-4194999.json"
    for path in (gone, mine, other):
        path.write_text("half")
    forget_partials(tmp_path / "report.json")
    assert not gone.exists()
    assert mine.exists()  # that process lives
    assert other.exists()
