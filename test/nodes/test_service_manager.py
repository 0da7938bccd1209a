"""What systemd is told."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from lss_bev_ros.nodes.service_manager import ServiceManager


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_one_datagram_a_message(tmp_path: Path, abstract: bool):
    name = f"@lss-bev-{tmp_path.name}-{id(tmp_path)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name[1:]}" if abstract else name)
        systemd.settimeout(5.0)
        manager = ServiceManager({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "6000000"})
        manager.ready()
        manager.alive()
        manager.status("torch-cpu-bf16\n2.0 Hz")
        manager.stopping()
        heard = [systemd.recv(100) for _ in range(4)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STATUS=torch-cpu-bf16 2.0 Hz", b"STOPPING=1"]
    assert manager.period == 2.0, "well within the 6 s that the unit allows"


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "6000000"}, {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"}],
)
def test_without_systemd_nothing_is_told_and_nothing_fails(environment: dict[str, str]):
    manager = ServiceManager(environment)
    manager.ready()
    assert manager.period is None
