"""A process that is killed leaves none behind that it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="on Linux alone")

SLEEPER = """
import os, subprocess, sys, time
from lss_bev_ros.parent import bound_to_this
code = "import time; time.sleep(60)"
print(subprocess.Popen([sys.executable, "-c", code], preexec_fn=bound_to_this()).pid, flush=True)
time.sleep(60)
"""
DEMO = """
import sys, time
from pathlib import Path
from lss_bev_ros.demo.demonstration import DemoFiles, _process
with _process("listener", ["topic", "echo", "/nothing"], DemoFiles(Path(sys.argv[1]))) as process:
    print(process.pid, flush=True)
    time.sleep(60)
"""


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]  # noqa: SIM115
        except OSError:
            return True
        if state == "Z":  # whoever adopted it may not look at once
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("code", [SLEEPER, DEMO], ids=["any", "of the demo"])
def test_a_child_goes_with_its_killed_parent(tmp_path, code):
    command = [sys.executable, "-c", code, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    assert gone(child)
