from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dashboard.prometheus import prometheus_text
from lss_bev_ros.dashboard.stream import Channel
from lss_bev_ros.dashboard.vitals import Vitals

LABEL = r'[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"([a-z_][a-z0-9_]*)(?:\{{{LABEL}(?:,{LABEL})*\}})? (\+Inf|-?\d[\d.e+-]*)")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_topic_is_waited_for_then_live_then_silent():
    clock = Clock()
    vitals = Vitals(["a"], stale_after=5.0, clock=clock)
    assert vitals.topics()[0]["state"] == "waiting"
    for _ in range(20):
        clock.now += 0.5
        vitals.tick("a")
    (row,) = vitals.topics()
    assert (row["state"], row["count"]) == ("live", 20)
    assert row["rate"] == pytest.approx(2.0)
    clock.now += 5.1
    assert vitals.topics()[0]["state"] == "silent"


def test_a_node_that_falls_silent_is_stale():
    clock = Clock()
    vitals = Vitals([], clock=clock)
    vitals.add_diagnostic("replay: replay", 0, "scene-0001", {"paused": "True"})
    assert vitals.diagnostics()[0]["level"] == "OK"
    clock.now += 60.0
    assert vitals.diagnostics()[0]["level"] == "STALE"
    assert vitals.values("replay: replay") == {"paused": "True"}


def test_plots_look_back_two_minutes():
    clock = Clock()
    vitals = Vitals(["a"], clock=clock)
    for _ in range(500):
        clock.now += 1.0
        vitals.tick("a")
        vitals.add_latency(100.0)
        vitals.sample_rates({"all": ["a"]})
    assert len(vitals.latencies()) == len(vitals.rates()) == 121
    assert vitals.latencies()[0] == [120.0, 100.0]
    assert vitals.rates()[-1] == {"ago": 0.0, "all": 1.0}


def samples(text):
    """Name and value of each sample, checked line by line against the exposition format."""
    typed = set()
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("# "):
            _, word, name, _ = line.split(" ", 3)
            assert word in ("HELP", "TYPE")
            typed.add(name)
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        assert re.sub("_(bucket|sum|count)$", "", match[1]) in typed or match[1] in typed
        yield line.rpartition(" ")[0], match[2]


@given(st.lists(st.floats(0, 20_000), max_size=50), st.text('ab"\\\n é{}', max_size=20))
def test_the_metrics_are_what_prometheus_reads(latencies, name):
    vitals = Vitals([name])
    for value in latencies:
        vitals.add_latency(value)
    vitals.tick(name)
    vitals.add_diagnostic(
        f"{name}: inference: network", 9, "odd level", {"total_ms": "1.5", "decode_ms": "x"}
    )
    found = dict(samples(prometheus_text(vitals, [Channel("page")])))
    assert int(found["lss_bev_latency_seconds_count"]) == len(latencies)
    assert float(found["lss_bev_latency_seconds_sum"]) == pytest.approx(sum(latencies) / 1e3, rel=1e-6)
    for bound in (0.1, 1.0):
        within = sum(value / 1e3 <= bound for value in latencies)
        assert int(found[f'lss_bev_latency_seconds_bucket{{le="{bound:g}"}}']) == within
    assert found['lss_bev_stage_seconds{stage="total",quantile="0.5"}'] == "0.0015"
    assert not any("decode" in sample for sample in found)
