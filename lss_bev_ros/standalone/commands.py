"""`lss-bev topic` and `lss-bev bag`: the options of `ros2 topic` and `ros2 bag`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Annotated

import typer

from .bag_commands import bag

__all__ = ["bag", "topic"]

topic = typer.Typer(help="Look at topics, as `ros2 topic` does.", no_args_is_help=True)

Topic = Annotated[str, typer.Argument(help="Topic name.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Window = Annotated[int, typer.Option("--window", "-w", help="Messages that the figures are of, at most.")]


@topic.command("list")
def list_(
    show_types: Annotated[bool, typer.Option("--show-types", "-t", help="Types too.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Publishers and subscribers.")] = False,
    hidden: Annotated[bool, typer.Option("--include-hidden-topics", help="Hidden ones too.")] = False,
    count: Annotated[bool, typer.Option("--count-topics", "-c", help="Only how many there are.")] = False,
    as_json: Json = False,
) -> None:
    """List the topics there are."""
    from .topic.listing import format_listing, list_topics

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
    once: Annotated[bool, typer.Option("--once", help="Stop after the first message.")] = False,
    field: Annotated[str | None, typer.Option("--field", help="Only this field, such as pose.x.")] = None,
    no_arr: Annotated[bool, typer.Option("--no-arr", help="Leave arrays out.")] = False,
    no_str: Annotated[bool, typer.Option("--no-str", help="Leave texts out.")] = False,
    full_length: Annotated[bool, typer.Option("--full-length", "-f", help="Long arrays whole.")] = False,
    truncate_length: Annotated[
        int, typer.Option("--truncate-length", "-l", min=0, help="Elements shown of arrays and texts.")
    ] = 128,
    timeout: Annotated[float | None, typer.Option("--timeout", help="Seconds to listen.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values.")] = False,
    as_json: Json = False,
) -> None:
    """Print the messages of a topic."""
    from .topic.echo import echo as show

    form = "json" if as_json else "csv" if csv else "yaml"
    length = None if full_length else truncate_length
    show(
        name,
        once=once,
        field=field,
        form=form,
        no_arr=no_arr,
        no_str=no_str,
        length=length,
        timeout=timeout,
    )


@topic.command()
def hz(name: Topic, window: Window = 10000, as_json: Json = False) -> None:
    """Print how often a topic is published."""
    from .topic.rate import rate

    rate(name, window=window, **_report(as_json))


@topic.command()
def bw(name: Topic, window: Window = 100, as_json: Json = False) -> None:
    """Print how many bytes a second a topic takes."""
    from .topic.rate import bandwidth

    bandwidth(name, window=window, **_report(as_json))


@topic.command()
def info(
    name: Topic,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Each endpoint and its QoS.")] = False,
) -> None:
    """Print type, publishers and subscribers of a topic."""
    from .topic.information import describe

    print(describe(name, verbose=verbose))


def _report(as_json: bool) -> dict[str, Callable]:
    """Where figures go, if not to the terminal as `ros2 topic` prints them."""
    if not as_json:
        return {}
    return {"report": lambda figures: print(json.dumps(dataclasses.asdict(figures)), flush=True)}
