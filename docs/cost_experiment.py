"""The table of performance.md about costs at true size: time and memory of commands against the size of data.

    python docs/cost_experiment.py DATAROOT PLACE --scenes 10,50,200 --keyframes 5      # many short scenes
    python docs/cost_experiment.py DATAROOT PLACE --scenes 90,720 --drive --small       # one long drive

A small data set (a synthetic one will do) is repeated: its tables anew with other tokens and times, its
files as they are. For each size it is converted to bags, and as one bag it is described, verified and
imported. Each command is a process of its own; memory is its peak. What was made is removed before the
next size.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

VERSION = "v1.0-mini"
_SMALL = 10
"""By how much pictures are made smaller, and scans thinner."""

Record = dict[str, Any]


def repeat_scenes(source: Path, out: Path, count: int, keyframes: int, drive: bool, small: bool) -> None:
    """Write a data set of `count` scenes, which are those of `source` in turn.

    Args:
        source: data root without sweeps.
        out: folder to make.
        count: of scenes.
        keyframes: of each scene, at most; the rest is left out.
        drive: whether each scene goes on where and when the one before ended, and has no annotations.
        small: whether pictures and scans are made smaller.
    """
    tables = {path.stem: json.loads(path.read_text()) for path in (source / VERSION).glob("*.json")}
    out.mkdir(parents=True)
    (out / "maps").symlink_to((source / "maps").resolve())
    if small:
        _shrink(source, out, tables)
    else:
        (out / "samples").symlink_to((source / "samples").resolve())
    scenes = tables["scene"]
    by_scene: dict[str, list[Record]] = {}
    for sample in tables["sample"]:
        by_scene.setdefault(sample["scene_token"], []).append(sample)
    by_sample: dict[str, dict[str, list[Record]]] = {}
    for name in ("sample_data", "sample_annotation"):
        for record in tables[name]:
            by_sample.setdefault(record["sample_token"], {}).setdefault(name, []).append(record)
    poses = {record["token"]: record for record in tables["ego_pose"]}
    made: dict[str, list[Record]] = {
        name: [] for name in ("scene", "sample", "sample_data", "ego_pose", "sample_annotation", "instance")
    }
    begin, place = 0, np.zeros(3)
    for number in range(count):
        scene = scenes[number % len(scenes)]
        samples = sorted(by_scene[scene["token"]], key=lambda each: each["timestamp"])[:keyframes]
        _add_scene(made, tables, scene, samples, by_sample, poses, number, begin, place, drive)
        length = samples[-1]["timestamp"] - samples[0]["timestamp"]
        begin += length + (500_000 if drive else 20_000_000)
        if drive:
            first, last = (
                np.array(poses[by_sample[each["token"]]["sample_data"][0]["ego_pose_token"]]["translation"])
                for each in (samples[0], samples[-1])
            )
            place = place + last - first
    folder = out / VERSION
    folder.mkdir()
    for name, records in tables.items():
        with (folder / f"{name}.json").open("w") as file:
            json.dump(made.get(name, records), file, indent=0)


def _add_scene(
    made: dict[str, list[Record]],
    tables: dict[str, list[Record]],
    scene: Record,
    samples: list[Record],
    by_sample: dict[str, dict[str, list[Record]]],
    poses: dict[str, Record],
    number: int,
    begin: int,
    place: np.ndarray,
    drive: bool,
) -> None:
    def new(token: str) -> str:
        return hashlib.md5(f"{token}-{number}".encode()).hexdigest()

    first = samples[0]["timestamp"]
    shift = begin + tables["sample"][0]["timestamp"] - first
    start = np.array(poses[by_sample[samples[0]["token"]]["sample_data"][0]["ego_pose_token"]]["translation"])
    moved = (place - start) if drive else np.zeros(3)
    tokens = [new(sample["token"]) for sample in samples]
    linked = ["", *tokens, ""]
    made["scene"].append(
        scene
        | {
            "token": new(scene["token"]),
            "name": f"scene-{number + 1:05}",
            "nbr_samples": len(samples),
            "first_sample_token": tokens[0],
            "last_sample_token": tokens[-1],
        }
    )
    channels: dict[str, list[Record]] = {}
    instances: dict[str, list[Record]] = {}
    for row, sample in enumerate(samples):
        made["sample"].append(
            sample
            | {
                "token": tokens[row],
                "timestamp": sample["timestamp"] + shift,
                "prev": linked[row],
                "next": linked[row + 2],
                "scene_token": new(scene["token"]),
            }
        )
        for data in by_sample[sample["token"]]["sample_data"]:
            pose, stamp = poses[data["ego_pose_token"]], data["timestamp"] + shift
            token = new(data["token"])
            where = (np.array(pose["translation"]) + moved).tolist()
            made["ego_pose"].append(pose | {"token": token, "timestamp": stamp, "translation": where})
            record = data | {
                "token": token,
                "sample_token": tokens[row],
                "ego_pose_token": token,
                "timestamp": stamp,
            }
            channels.setdefault(data["calibrated_sensor_token"], []).append(record)
        if not drive:
            for box in by_sample[sample["token"]].get("sample_annotation", ()):
                instance = new(box["instance_token"])
                record = box | {
                    "token": new(box["token"]),
                    "sample_token": tokens[row],
                    "instance_token": instance,
                }
                instances.setdefault(box["instance_token"], []).append(record)
    for chain in (*channels.values(), *instances.values()):
        names = ["", *(record["token"] for record in chain), ""]
        for row, record in enumerate(chain):
            record["prev"], record["next"] = names[row], names[row + 2]
    made["sample_data"] += [record for chain in channels.values() for record in chain]
    known = {record["token"]: record for record in tables["instance"]}
    for token, chain in instances.items():
        made["sample_annotation"] += chain
        made["instance"].append(
            known[token]
            | {
                "token": new(token),
                "nbr_annotations": len(chain),
                "first_annotation_token": chain[0]["token"],
                "last_annotation_token": chain[-1]["token"],
            }
        )


def _shrink(source: Path, out: Path, tables: dict[str, list[Record]]) -> None:
    """Write smaller pictures and thinner scans, and calibrations for them."""
    for record in tables["sample_data"]:
        path = out / record["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if record["height"]:
            picture = cv2.imread(str(source / record["filename"]))
            size = record["width"] // _SMALL, record["height"] // _SMALL
            cv2.imwrite(str(path), cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
            record["width"], record["height"] = size
        else:
            points = np.fromfile(source / record["filename"], "<f4").reshape(-1, 5)
            points[:: _SMALL * 5].tofile(path)
    for record in tables["calibrated_sensor"]:
        if record["camera_intrinsic"]:
            record["camera_intrinsic"] = [
                [value / _SMALL for value in row] if k < 2 else row
                for k, row in enumerate(record["camera_intrinsic"])
            ]


def measured(*command: str) -> dict[str, float]:
    """Run a command of the package: its wall and processor seconds, and MiB at its peak."""
    began, peak = time.monotonic(), 0.0
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "lss_bev_ros.cli", *command], stdout=told, stderr=told
        )
        while True:
            # Not ru_maxrss, which begins with the memory of the parent.
            peak = max(peak, high_water_mark(process.pid))
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            time.sleep(0.05)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{told.read()}")
    return {
        "seconds": time.monotonic() - began,
        "processor": used.ru_utime + used.ru_stime,
        "mebibytes": peak,
    }


def high_water_mark(pid: int) -> float:
    """MiB that a process had at its peak so far, 0 where it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return float(line.split()[1]) / 1024
    return 0.0


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataroot", type=Path)
    parser.add_argument("place", type=Path, help="folder for what is made and removed")
    parser.add_argument("--scenes", default="10,25,50,100,200")
    parser.add_argument("--keyframes", type=int, default=20)
    parser.add_argument("--drive", action="store_true", help="one drive, without annotations")
    parser.add_argument("--small", action="store_true", help="pictures of a hundredth of the size")
    parser.add_argument("--steps", default="convert,one bag,info,verify,import", help="which commands")
    options = parser.parse_args()
    steps = [step.strip() for step in options.steps.split(",")]
    print("| scenes | keyframes | bag, GB | command | s | processor, s | memory, MiB |")
    print("|---:|---:|---:|---|---:|---:|---:|")
    for scenes in map(int, options.scenes.split(",")):
        work = options.place / f"of_{scenes}"
        root, bags, bag, drive = (work / name for name in ("root", "bags", "bag", "imported"))
        repeat_scenes(options.dataroot, root, scenes, options.keyframes, options.drive, options.small)
        keyframes = len(json.loads((root / VERSION / "sample.json").read_text()))
        try:
            for step, command in (
                ("convert", ("convert", str(root), str(bags))),
                ("one bag", ("convert", str(root), str(bag), "--one-bag")),
                ("info", ("bag", "info", str(bag))),
                ("verify", ("bag", "verify", str(bag))),
                ("import", ("import", str(bag), str(drive))),
            ):
                if step not in steps:
                    continue
                found = measured(*command)
                size = size_of(bags if step == "convert" else bag) / 1e9
                print(
                    f"| {scenes} | {keyframes} | {size:.2f} | {step} | {found['seconds']:.1f} "
                    f"| {found['processor']:.1f} | {found['mebibytes']:.0f} |",
                    flush=True,
                )
                if step == "convert":
                    shutil.rmtree(bags)
        finally:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
