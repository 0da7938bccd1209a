"""`lss-bev topic`: the options of `ros2 topic`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

topic = typer.Typer(help="Inspect topics, as `ros2 topic` does.", no_args_is_help=True)

Topic = Annotated[str, typer.Argument(help="Topic name.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
Reliability = Annotated[
    str, typer.Option("--qos-reliability", help="reliable or best_effort; as published by default.")
]
Durability = Annotated[
    str, typer.Option("--qos-durability", help="transient_local or volatile; as published by default.")
]
Profile = Annotated[str, typer.Option("--qos-profile", help="Preset, such as sensor_data.")]
Depth = Annotated[int | None, typer.Option("--qos-depth", min=0, help="Queue depth of the subscription.")]
History = Annotated[str, typer.Option("--qos-history", help="keep_last or keep_all.")]
Liveliness = Annotated[str, typer.Option("--qos-liveliness", help="automatic or manual_by_topic.")]
Lease = Annotated[
    float | None,
    typer.Option("--qos-liveliness-lease-duration-seconds", help="Liveliness lease duration, in seconds."),
]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        help="Only messages for which this expression is true, such as 'm.header.frame_id == \"map\"'.",
    ),
]
Window = Annotated[int, typer.Option("--window", "-w", help="Largest number of messages to average over.")]


@topic.command("list")
def list_(
    show_types: Annotated[bool, typer.Option("--show-types", "-t", help="Also print types.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print publishers and subscribers.")
    ] = False,
    hidden: Annotated[bool, typer.Option("--include-hidden-topics", help="Include hidden topics.")] = False,
    count: Annotated[
        bool, typer.Option("--count-topics", "-c", help="Only print the number of topics.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List all topics."""
    from pipros.topic import format_listing, list_topics

    topics = list_topics(hidden=hidden)
    if count:
        print(len(topics))
    elif as_json:
        for entry in topics:
            print(json.dumps(dataclasses.asdict(entry)))
    elif topics:
        # ros2 ends a verbose list with an empty line.
        print(format_listing(topics, show_types=show_types, verbose=verbose), end="\n\n" if verbose else "\n")


@topic.command()
def echo(
    name: Topic,
    type_name: Annotated[
        str, typer.Argument(metavar="[TYPE]", help="Message type; by default that of the topic.")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Stop after the first message.")] = False,
    field: Annotated[
        str | None,
        typer.Option("--field", help="Print only this field, such as transforms[0].child_frame_id."),
    ] = None,
    no_arr: Annotated[bool, typer.Option("--no-arr", help="Leave arrays out.")] = False,
    no_str: Annotated[bool, typer.Option("--no-str", help="Leave strings out.")] = False,
    full_length: Annotated[
        bool, typer.Option("--full-length", "-f", help="Print long arrays in full.")
    ] = False,
    truncate_length: Annotated[
        int,
        typer.Option(
            "--truncate-length", "-l", min=0, help="Number of elements to show of arrays and strings."
        ),
    ] = 128,
    timeout: Annotated[float | None, typer.Option("--timeout", help="Seconds to listen.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print the raw bytes.")] = False,
    filter_: Filter = None,
    qos_profile: Profile = "",
    qos_reliability: Reliability = "",
    qos_durability: Durability = "",
    qos_depth: Depth = None,
    qos_history: History = "",
    qos_liveliness: Liveliness = "",
    qos_lease: Lease = None,
    no_lost_messages: Annotated[
        bool,
        typer.Option(
            "--no-lost-messages", help="Accepted for compatibility; lost messages are never reported."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the messages of a topic."""
    from pipros import topic as topics

    form = "json" if as_json else "csv" if csv else "yaml"
    length = None if full_length else truncate_length
    topics.echo(
        name,
        once=once,
        field=field,
        form=form,
        no_arr=no_arr,
        no_str=no_str,
        length=length,
        timeout=timeout,
        condition=filter_,
        raw=raw,
        request=topics.Request(
            type_name,
            qos_profile,
            qos_reliability,
            qos_durability,
            qos_history,
            qos_depth,
            qos_liveliness,
            qos_lease,
        ),
    )


@topic.command()
def hz(
    name: Topic,
    window: Window = 10000,
    filter_: Filter = None,
    qos_profile: Profile = "",
    qos_reliability: Reliability = "",
    qos_durability: Durability = "",
    qos_depth: Depth = None,
    as_json: Json = False,
) -> None:
    """Print how often a topic is published."""
    from pipros.topic import Request, rate

    request = Request("", qos_profile, qos_reliability, qos_durability, depth=qos_depth)
    rate(name, window=window, condition=filter_, request=request, report=_report(as_json))


@topic.command()
def bw(
    name: Topic,
    window: Window = 100,
    qos_profile: Profile = "",
    qos_reliability: Reliability = "",
    qos_durability: Durability = "",
    qos_depth: Depth = None,
    as_json: Json = False,
) -> None:
    """Print the bandwidth of a topic, in bytes per second."""
    from pipros.topic import Request, bandwidth

    request = Request("", qos_profile, qos_reliability, qos_durability, depth=qos_depth)
    bandwidth(name, window=window, request=request, report=_report(as_json))


@topic.command()
def info(
    name: Topic,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print each endpoint and its QoS.")
    ] = False,
) -> None:
    """Print the type, publishers and subscribers of a topic."""
    from pipros.topic import describe

    print(describe(name, verbose=verbose))


def _report(as_json: bool) -> Callable[[Any], None]:
    """Where figures go, if not to the terminal as `ros2 topic` prints them."""
    if not as_json:
        return lambda figures: print(figures, flush=True)
    return lambda figures: print(json.dumps(dataclasses.asdict(figures)), flush=True)
