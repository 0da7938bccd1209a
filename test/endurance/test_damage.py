"""No byte that changes in what the package writes is read in silence; `lss-bev endure` tries many more."""

from __future__ import annotations

import pytest

from lss_bev_ros.endurance.damage import FileKind, Reading, damage
from lss_bev_ros.endurance.kinds import KINDS
from lss_bev_ros.errors import LssBevError
from pipros import activate

CHANGES = 20
SLOW = {
    "checkpoint",
    "kept network",
    "onnx",
    "table scene",
    "table sample",
    "table ego_pose",
    "table sample_data",
}
"""Left to the command: a second or more each."""


@pytest.mark.parametrize("name", sorted(KINDS.keys() - SLOW))
def test_changed_and_cut_files_are_refused_or_told_of_in_one_line(name):
    if name == "parameters" and not activate():
        pytest.skip("ROS 2's own rclpy reads them, and refuses in words of its own")
    kind = KINDS[name]
    outcome = damage(kind, CHANGES, 1)
    assert outcome.counts["failed"] == 0, outcome.examples
    if kind.sealed:
        assert outcome.counts["changed"] == 0, outcome.examples
    changes = round(CHANGES * kind.share)
    assert sum(outcome.counts.values()) == changes + changes // 5


def kind(read, sealed=True):
    def make(folder):
        path = folder / "sample"
        path.write_bytes(bytes(100))
        return path

    return FileKind(make, read, sealed)


def changed(path):
    data = path.read_bytes()
    return data != bytes(100)


def test_each_way_to_take_a_damaged_file_is_told_apart():
    def read(path):
        if not changed(path):
            return Reading("whole")
        return {0: lambda: Reading("whole"), 1: lambda: Reading("less", "some is lost")}.get(
            sum(path.read_bytes()) % 3, lambda: Reading("else")
        )()

    outcome = damage(kind(read), 200, 0)
    assert sum(outcome.counts.values()) == 240
    assert set(outcome.counts) <= {"same", "told", "changed"}
    assert outcome.counts["changed"] > 0
    assert len(outcome.examples) == 3


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (LssBevError("one line"), "refused"),
        (LssBevError("two\nlines"), "failed"),
        (ValueError("a mistake of ours"), "failed"),
        (TimeoutError("never ends"), "failed"),
    ],
)
def test_an_error_is_a_refusal_where_it_is_one_line_for_users(error, result):
    def read(path):
        if changed(path):
            raise error
        return Reading("whole")

    assert damage(kind(read), 10, 0).counts == {result: 12}


def test_what_carries_no_checksum_may_change():
    outcome = damage(kind(lambda path: Reading(str(path.read_bytes())), sealed=False), 10, 0)
    assert outcome.counts == {"changed": 12}
    assert outcome.examples == []
