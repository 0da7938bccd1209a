"""`lss-bev bag`: the options of `ros2 bag`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand

from ..errors import RosError

bag = typer.Typer(help="Record and play rosbag2 bags, as `ros2 bag` does.", no_args_is_help=True)

BagPath = Annotated[Path, typer.Argument(help="Bag folder, .mcap or .db3 file.")]
Names = list[str] | None
Overrides = Annotated[
    Path | None, typer.Option("--qos-profile-overrides-path", help="YAML: QoS policies by topic.")
]
_SECONDS = 1e9


class _Ros2Options(TyperCommand):
    """Takes several values after one option, and an option that may go without its value, as ros2 does."""

    several: frozenset[str] = frozenset()
    defaults: ClassVar[dict[str, str]] = {}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        taken: list[str] = []
        option = ""
        for index, text in enumerate(args):
            if text in self.defaults:
                following = args[index + 1] if index + 1 < len(args) else ""
                taken += [text] if _is_number(following) else [text, self.defaults[text]]
                option = ""
            elif text in self.several:
                option = text
            elif option and not text.startswith("-"):
                taken += [option, text]
            else:
                option = ""
                taken.append(text)
        return super().parse_args(ctx, taken)


class _Record(_Ros2Options):
    several = frozenset({"--topics", "--exclude-topics", "--repeat-transient-local"})


class _Play(_Ros2Options):
    several = frozenset({"--topics", "--exclude-topics", "--remap", "-m"})
    defaults: ClassVar[dict[str, str]] = {"--clock": "40"}


class CompressionMode(str, Enum):
    """Of compression."""

    none = "none"
    message = "message"
    file = "file"


class Preset(str, Enum):
    """Of the MCAP storage."""

    none = "none"
    fastwrite = "fastwrite"
    zstd_fast = "zstd_fast"
    zstd_small = "zstd_small"


@bag.command(cls=_Record)
def record(
    positional: Annotated[list[str] | None, typer.Argument(metavar="[TOPIC]...")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to create.")] = None,
    every: Annotated[
        bool, typer.Option("--all", "-a", "--all-topics", help="All topics, including new ones.")
    ] = False,
    topics: Annotated[Names, typer.Option("--topics", help="One or more topics to record.")] = None,
    regex: Annotated[
        str, typer.Option("--regex", "-e", help="Topics whose name contains this expression.")
    ] = "",
    exclude_topics: Annotated[Names, typer.Option("--exclude-topics", help="Topics to leave out.")] = None,
    exclude_regex: Annotated[
        str, typer.Option("--exclude-regex", help="Leave out names that contain this.")
    ] = "",
    exclude: Annotated[
        Names,
        typer.Option("--exclude", help="Topics to leave out: a name, or an expression for the whole name."),
    ] = None,
    hidden: Annotated[bool, typer.Option("--include-hidden-topics", help="Include hidden topics.")] = False,
    max_bag_size: Annotated[
        int, typer.Option("--max-bag-size", "-b", help="Largest file, in bytes; 0: no limit.")
    ] = 0,
    max_bag_duration: Annotated[
        float, typer.Option("--max-bag-duration", "-d", help="Longest file, in seconds; 0: no limit.")
    ] = 0.0,
    max_total_size: Annotated[
        int, typer.Option("--max-total-size", help="Largest bag, all files, in bytes; 0: no limit.")
    ] = 0,
    max_files: Annotated[
        int, typer.Option("--max-bag-files", help="Most files of the bag; 0: no limit.")
    ] = 0,
    min_free_space: Annotated[
        int, typer.Option("--min-free-space", help="Bytes of the disk that stay free.")
    ] = 0,
    ring: Annotated[
        bool,
        typer.Option("--ring", help="At a limit the oldest file goes, instead of the recording ending."),
    ] = False,
    ring_duration: Annotated[
        float, typer.Option("--ring-duration", help="Seconds that a ring reaches back; 0: no limit.")
    ] = 0.0,
    compression_mode: Annotated[
        CompressionMode, typer.Option("--compression-mode", help="What to compress.")
    ] = CompressionMode.none,
    compression_format: Annotated[str, typer.Option("--compression-format", help="zstd.")] = "",
    preset: Annotated[
        Preset, typer.Option("--storage-preset-profile", help="zstd: inside the MCAP file.")
    ] = Preset.none,
    storage: Annotated[str, typer.Option("--storage", "-s", help="mcap.")] = "mcap",
    repeated: Annotated[
        Names,
        typer.Option(
            "--repeat-transient-local", help="TOPIC[=DEPTH]: each new file begins with its last messages."
        ),
    ] = None,
    duration: Annotated[float | None, typer.Option("--duration", help="Seconds to record.")] = None,
    qos_overrides: Overrides = None,
) -> None:
    """Record topics until Ctrl-C or a limit; the bag is complete then."""
    from datetime import datetime

    from pipros import bag as bags

    if storage != "mcap":
        raise RosError(f"storage {storage} is not supported; bags are written as mcap")
    if compression_format not in ("", "zstd"):
        raise RosError(f"compression format {compression_format!r} is not known; it is zstd")
    if compression_format and compression_mode is CompressionMode.none:
        raise RosError("a compression format needs --compression-mode file or message")
    named = (*(positional or ()), *(topics or ()))
    if sum((bool(named or regex), every)) != 1:
        raise RosError("name the topics to record, or give --all for all of them")
    packed = compression_mode.value
    if packed == "none" and preset in (Preset.zstd_fast, Preset.zstd_small):
        packed = "chunk"
    selection = bags.Selection(named, regex, tuple(exclude_topics or ()), exclude_regex, whole=False)
    folder = output or Path(f"rosbag2_{datetime.now():%Y_%m_%d-%H_%M_%S}")
    counts = bags.record(
        folder,
        exclude=exclude or (),
        selection=selection,
        hidden=hidden,
        duration=duration,
        options=bags.StorageOptions(
            packed,
            max_bag_size,
            max_bag_duration,
            _depths(repeated or ()),
            max_total=max_total_size,
            max_files=max_files,
            min_free=min_free_space,
            ring=ring,
            ring_duration=ring_duration,
        ),
        qos_overrides={} if qos_overrides is None else bags.read_overrides(qos_overrides),
    )
    print(f"{folder}: {sum(counts.values())} messages of {len(counts)} topics")


def _depths(given: Iterable[str]) -> dict[str, int]:
    """Full names and depths of `TOPIC[=DEPTH]`; the depth is 1 where none is given."""
    from pipros.topic import absolute

    depths = {}
    for text in given:
        name, equals, depth = text.partition("=")
        if not name or (equals and not (depth.isdecimal() and int(depth) > 0)):
            raise RosError(
                f"--repeat-transient-local {text}: give TOPIC or TOPIC=DEPTH, such as /tf_static=2"
            )
        depths[absolute(name)] = int(depth) if equals else 1
    return depths


@bag.command(cls=_Play)
def play(
    path: BagPath,
    rate: Annotated[float, typer.Option("--rate", "-r", help="Playback speed.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", "-l", help="Start again at the end.")] = False,
    topics: Annotated[Names, typer.Option("--topics", help="Play only these topics, one or more.")] = None,
    regex: Annotated[str, typer.Option("--regex", "-e", help="Play topics whose whole name matches.")] = "",
    exclude_topics: Annotated[Names, typer.Option("--exclude-topics", help="Topics to leave out.")] = None,
    exclude_regex: Annotated[
        str, typer.Option("--exclude-regex", "-x", help="Leave out topics whose whole name matches.")
    ] = "",
    remap: Annotated[
        Names, typer.Option("--remap", "-m", help="Rename topics: old:=new, one or more.")
    ] = None,
    start_offset: Annotated[
        float, typer.Option("--start-offset", help="Seconds to skip at the start.")
    ] = 0.0,
    playback_duration: Annotated[
        float, typer.Option("--playback-duration", help="Seconds to play; negative: all.")
    ] = -1.0,
    playback_until_sec: Annotated[
        float, typer.Option("--playback-until-sec", help="Stop at this time, in seconds since 1970.")
    ] = -1.0,
    playback_until_nsec: Annotated[
        int, typer.Option("--playback-until-nsec", help="Stop at this time, in nanoseconds since 1970.")
    ] = -1,
    clock: Annotated[
        float | None, typer.Option("--clock", help="Publish /clock at this rate in Hz; 40 without a number.")
    ] = None,
    delay: Annotated[float, typer.Option("--delay", "-d", help="Seconds to wait before each loop.")] = 0.0,
    start_paused: Annotated[
        bool,
        typer.Option(
            "--start-paused",
            "-p",
            help="Start paused; the space bar or the service ~/resume starts playback.",
        ),
    ] = False,
    no_keys: Annotated[
        bool, typer.Option("--disable-keyboard-controls", help="Ignore the keyboard.")
    ] = False,
    qos_overrides: Overrides = None,
    storage: Annotated[
        str, typer.Option("--storage", "-s", help="mcap or sqlite3; detected by default.")
    ] = "",
) -> None:
    """Publish the messages of a bag as they were recorded."""
    from pipros import bag as bags
    from pipros.launching import parse_arguments

    if storage not in ("", "mcap", "sqlite3"):
        raise RosError(f"storage {storage} is not supported; bags are read as mcap and sqlite3")
    if playback_until_sec >= 0 and playback_until_nsec >= 0:
        raise RosError("give --playback-until-sec or --playback-until-nsec, not both")
    until = round(playback_until_sec * _SECONDS) if playback_until_sec >= 0 else playback_until_nsec
    options = bags.PlayOptions(
        rate=rate,
        loop=loop,
        selection=bags.Selection(tuple(topics or ()), regex, tuple(exclude_topics or ()), exclude_regex),
        remap=parse_arguments(remap or ()),
        start_offset=start_offset,
        playback_duration=playback_duration if playback_duration >= 0 else None,
        playback_until=until if until >= 0 else None,
        clock=clock,
        delay=delay,
        start_paused=start_paused,
        qos_overrides={} if qos_overrides is None else bags.read_overrides(qos_overrides),
    )
    played = bags.play(path, options, keyboard=not no_keys)
    print(f"{path}: {played.messages} messages played")
    if played.lost:
        raise RosError(f"bag {path} was not played whole; lost: {'; '.join(played.lost)}")


@bag.command("info")
def info(
    path: BagPath,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Print what a bag contains."""
    from pipros.bag import describe, summarise

    print(json.dumps(summarise(path)) if as_json else describe(path))


@bag.command()
def verify(path: BagPath) -> None:
    """Read all of a bag and compare it with its checksums; ends with 1 where something is lost."""
    from pipros.bag import verify as verified

    found = verified(path)
    print(f"{path}: {found.messages} messages of {found.topics} topics can be read")
    for note in found.notes:
        print(f"note: {note}")
    if not found.complete:
        print("note: the recorder was killed or is still running")
    if found.bare:
        print(f"note: {found.bare} parts carry no checksum, so that changes inside them are not found")
    if found.lost:
        raise RosError(f"bag {path} is damaged; lost: {'; '.join(found.lost)}")
    print("nothing is damaged")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
