from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest
import rclpy
from rclpy.executors import Executor
from rclpy.node import Node

from lss_bev_ros.errors import LssBevError
from lss_bev_ros.nodes.exit_code import FAILURE
from lss_bev_ros.nodes.process import guard, run


@pytest.fixture(autouse=True)
def interruptible():
    """The test run's own Ctrl-C, which `run` takes over."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


class Worker(Node):
    """Does the given things, one after the other, on a thread of its own."""

    exit_code = 0

    def __init__(self, *deeds):
        super().__init__("worker")
        self.deeds = deeds
        self.reported = []
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        for deed in self.deeds:
            with guard(self, self.reported.append):
                deed()

    def close(self):
        self.thread.join()


def complain():
    raise LssBevError("a file is damaged")


def stumble():
    raise ZeroDivisionError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_ours_on_a_thread_ends_the_node_with_an_error():
    assert run(lambda: Worker(stumble), []) == FAILURE


def test_what_the_user_can_mend_is_reported_and_the_work_goes_on():
    made = []

    def kind():
        made.append(Worker(complain, complain, rclpy.shutdown))
        return made[0]

    assert run(kind, []) == 0
    assert made[0].reported == ["a file is damaged"] * 2


def test_a_message_that_cannot_go_out_after_the_end_is_no_error():
    assert run(lambda: Worker(rclpy.shutdown, stumble), []) == 0


def test_a_node_that_is_ended_while_it_starts_ends_quietly(capfd):
    def kind():
        rclpy.shutdown()
        stumble()

    assert run(kind, []) == 0
    assert capfd.readouterr().err == ""


def test_a_shutdown_that_wakes_no_executor_ends_a_node(monkeypatch):
    """rclpy's own order at SIGTERM, first wake and then shut down, can come to this."""
    monkeypatch.setattr(Executor, "wake", lambda _self: None)
    sleeping = []

    def rescue():
        sleeping.append(True)
        os.kill(os.getpid(), signal.SIGINT)

    rescuer = threading.Timer(10.0, rescue)
    rescuer.start()

    def kind():
        threading.Timer(0.3, rclpy.try_shutdown).start()
        return Node("idle")

    assert run(kind, []) == 0
    rescuer.cancel()
    assert not sleeping


def test_a_start_that_fails_is_one_line(capfd):
    assert run(complain, []) == 1
    assert capfd.readouterr().err == "error: a file is damaged\n"


def test_many_ctrl_c_end_a_node_as_one_does(processes, tmp_path):
    report = tmp_path / "report.json"
    process = processes.node("evaluation", report=report)
    while not report.exists():
        assert process.poll() is None, processes.output(process)
        time.sleep(0.05)
    time.sleep(0.5)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    assert process.returncode == 0, processes.output(process)
    assert "Traceback" not in processes.output(process)
    assert json.loads(report.read_text())["frames"]["evaluated"] == 0
