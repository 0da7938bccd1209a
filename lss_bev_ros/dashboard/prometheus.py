"""The text that Prometheus scrapes.

Prometheus, "Exposition formats", text-based format version 0.0.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .scores import number, score_table
from .stream import Channel
from .vitals import BUCKETS, LEVELS, Vitals

CONTENT_TYPE = "text/plain; version=0.0.4"


class Exposition:
    """Collects families of metrics as text."""

    def __init__(self) -> None:
        """Start empty."""
        self._lines: list[str] = []

    def family(
        self, name: str, kind: str, text: str, samples: Sequence[tuple[Mapping[str, str], float]]
    ) -> None:
        """Add a metric; one without samples is left out.

        Args:
            name: with its unit last, such as `lss_bev_latency_seconds`.
            kind: `counter` or `gauge`.
            text: what it is.
            samples: labels and value.
        """
        if samples:
            self._head(name, kind, text)
            self._lines += [f"{name}{_labels(labels)} {_value(value)}" for labels, value in samples]

    def histogram(
        self, name: str, text: str, bounds: Sequence[float], counts: Sequence[int], total: float
    ) -> None:
        """Add a histogram.

        Args:
            name: with its unit last.
            text: what it is.
            bounds: upper bounds of the buckets but the last, which has none.
            counts: observations of each bucket, one more than bounds.
            total: sum of the observations.
        """
        self._head(name, "histogram", text)
        so_far = 0
        for bound, count in zip([*map(_value, bounds), "+Inf"], counts, strict=True):
            so_far += count
            self._lines.append(f'{name}_bucket{{le="{bound}"}} {so_far}')
        self._lines += [f"{name}_sum {_value(total)}", f"{name}_count {so_far}"]

    @property
    def text(self) -> str:
        """Everything added."""
        return "\n".join(self._lines) + "\n"

    def _head(self, name: str, kind: str, text: str) -> None:
        self._lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def prometheus_text(vitals: Vitals, channels: Sequence[Channel]) -> str:
    """All metrics of the system and of the page itself."""
    out = Exposition()
    topics = vitals.topics()
    out.family(
        "lss_bev_messages_total",
        "counter",
        "Messages received, by topic.",
        [({"topic": row["name"]}, row["count"]) for row in topics],
    )
    out.family(
        "lss_bev_topic_rate_hertz",
        "gauge",
        "Messages per second over the last seconds.",
        [({"topic": row["name"]}, row["rate"]) for row in topics],
    )
    out.family(
        "lss_bev_topic_age_seconds",
        "gauge",
        "Time since the last message, in seconds.",
        [({"topic": row["name"]}, age) for row in topics if (age := row["age"]) is not None],
    )
    out.histogram(
        "lss_bev_latency_seconds",
        "Time from the stamp of an image to the arrival of its grid, in seconds.",
        BUCKETS,
        vitals.buckets,
        vitals.latency_sum,
    )
    network = vitals.values("inference: network")
    stages = {key[:-3]: key for key in network if key.endswith("_ms") and not key.endswith("_p95_ms")}
    out.family(
        "lss_bev_stage_seconds",
        "gauge",
        "Durations of the network's stages over the last grids, in seconds.",
        [
            ({"stage": stage, "quantile": quantile}, milliseconds / 1e3)
            for stage in stages
            for quantile, key in (("0.5", f"{stage}_ms"), ("0.95", f"{stage}_p95_ms"))
            if (milliseconds := number(network.get(key))) is not None
        ],
    )
    _scores(out, vitals)
    out.family(
        "lss_bev_diagnostic_level",
        "gauge",
        "Diagnostic level: 0 OK, 1 WARN, 2 ERROR, 3 STALE.",
        [({"name": row["name"]}, LEVELS.index(row["level"])) for row in vitals.diagnostics()],
    )
    for name, kind, text, values in (
        ("clients", "gauge", "Clients that watch a stream.", [(c.name, c.clients) for c in channels]),
        (
            "published_total",
            "counter",
            "Items published on a stream, each counted once.",
            [(c.name, c.published) for c in channels],
        ),
        (
            "skipped_total",
            "counter",
            "Items skipped for slow clients.",
            [(c.name, c.skipped) for c in channels],
        ),
    ):
        samples = [({"stream": stream}, value) for stream, value in values]
        out.family(f"lss_bev_dashboard_{name}", kind, text, samples)
    out.family(
        "lss_bev_dashboard_uptime_seconds",
        "gauge",
        "Time since the dashboard started, in seconds.",
        [({}, vitals.uptime)],
    )
    return out.text


def _scores(out: Exposition, vitals: Vitals) -> None:
    table = score_table(vitals.values("evaluation: metrics"), vitals.values("evaluation: last frame"))
    rows = table["metrics"]
    out.family(
        "lss_bev_score",
        "gauge",
        "Scores of the grid, over all frames and for the last frame.",
        [
            ({"metric": row["name"], "frames": frames}, value)
            for row in rows
            for frames, value in (("all", row["running"]), ("last", row["last"]))
            if value is not None
        ],
    )
    out.family(
        "lss_bev_score_threshold",
        "gauge",
        "Threshold of a score: least (min) or greatest (max) value that passes.",
        [
            ({"metric": row["name"], "bound": row["bound"] or ""}, threshold)
            for row in rows
            if (threshold := row["threshold"]) is not None
        ],
    )


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escape(str(value))}"' for name, value in labels.items())
    return f"{{{pairs}}}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _value(value: float) -> str:
    return f"{value:.10g}"
