"""Threads that wait sleep, unless the user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lss_bev_ros import cli
from lss_bev_ros.openmp import POLICY, let_threads_sleep


def test_threads_sleep_where_nobody_says_otherwise():
    environment: dict[str, str] = {}
    let_threads_sleep(environment)
    assert environment == {POLICY: "PASSIVE"}


@pytest.mark.parametrize(
    ("name", "value"), [(POLICY, "ACTIVE"), ("GOMP_SPINCOUNT", "1000"), ("KMP_BLOCKTIME", "200")]
)
def test_what_the_user_says_stays(name: str, value: str):
    environment = {name: value}
    let_threads_sleep(environment)
    assert environment == {name: value}


def test_a_command_says_it_before_it_loads_anything(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(POLICY, raising=False)
    seen = []
    monkeypatch.setattr(cli, "prepare", lambda: None)
    monkeypatch.setattr(cli, "app", lambda: seen.append(os.environ[POLICY]))
    cli.main()
    assert seen == ["PASSIVE"]


def test_the_inference_node_says_it_before_pytorch_is_loaded(monkeypatch: pytest.MonkeyPatch):
    script = (
        "import os, sys\n"
        "import pipros; pipros.activate()\n"
        "from lss_bev_ros.nodes import inference\n"
        "assert 'torch' not in sys.modules\n"
        "inference.with_spare = lambda serve, load: print(os.environ['OMP_WAIT_POLICY'])\n"
        "inference.main()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != POLICY}
    environment.pop("LSS_BEV_SPARE", None)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout == "PASSIVE\n", done.stderr
