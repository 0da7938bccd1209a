"""The bundle's own command line: `python3 FILE.lssbundle run`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .archive import Archive, BundleError
from .device import describe_device
from .measuring import inputs_of, measure, prepared
from .serving import serve

RESULTS = ".results.npz"
"""What replaces the bundle's suffix in the name of its results."""


def main(bundle: Path, arguments: list[str] | None = None) -> int:
    """Run, verify or describe the bundle that this runner lies in; the exit code."""
    parser = argparse.ArgumentParser(prog=bundle.name, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run every model on every frame; write outputs and latencies")
    run.add_argument("--model", action="append", help="only this model; repeatable")
    run.add_argument("--output", "-o", type=Path, help="results file; by default next to the bundle")
    server = commands.add_parser("serve", help="measure ONNX files that come on stdin, one after another")
    for command in (run, server):
        _add_measuring(command)
    commands.add_parser("verify", help="check that the bundle is complete and undamaged")
    commands.add_parser("info", help="print the manifest")
    options = parser.parse_args(arguments)
    try:
        with Archive(bundle) as archive:
            if options.command == "run":
                _run(archive, options)
            elif options.command == "serve":
                serve(archive, options)
            elif options.command == "verify":
                print(f"{bundle}: {archive.verify()} files as they were put in")
            else:
                print(json.dumps(archive.manifest, indent=2))
    except BundleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _add_measuring(command: argparse.ArgumentParser) -> None:
    """Options of whatever measures."""
    command.add_argument("--runtime", choices=("auto", "tensorrt", "onnxruntime"), default="auto")
    command.add_argument("--repetitions", type=int, default=50, help="timed runs per model")
    command.add_argument("--warm-up", type=int, default=10, help="runs before the first that counts")
    command.add_argument(
        "--threads", type=int, default=0, help="threads of onnxruntime on the CPU; 0: onnxruntime decides"
    )
    command.add_argument("--dla", type=int, help="TensorRT: build for this DLA core where possible")
    command.add_argument(
        "--workspace", type=int, default=1024, help="TensorRT: memory limit while building, in MiB"
    )
    command.add_argument("--engines", type=Path, help="TensorRT: folder for engines")
    command.add_argument(
        "--fresh", action="store_true", help="TensorRT: build engines that are there already"
    )
    command.add_argument(
        "--layers", action="store_true", help="also measure each layer, in runs of their own"
    )


def _run(archive: Archive, options: argparse.Namespace) -> None:
    names = [model["name"] for model in archive.manifest["models"]]
    unknown = sorted(set(options.model or ()) - set(names))
    if unknown:
        raise BundleError(f"no model {', '.join(unknown)} in the bundle; it has {', '.join(names)}")
    output = options.output or archive.path.with_name(archive.path.stem + RESULTS)
    runtime = prepared(options)
    options.engines = options.engines or Path("~/.cache/lss_bev_ros/bundles").expanduser()
    arrays: dict[str, np.ndarray] = {}
    models = []
    for model in archive.manifest["models"]:
        if options.model and model["name"] not in options.model:
            continue
        print(f"{model['name']}: loading with {runtime}", flush=True)
        report = measure(
            archive.read(model["file"]), model, inputs_of(archive, model), runtime, options, arrays
        )
        models.append(report)
        if "refused" in report:
            print(f"{model['name']}: not run: {report['refused']}", flush=True)
        else:
            print(f"{model['name']}: {report['median_ms']:.2f} ms median on {report['runtime']}", flush=True)
    if all("refused" in report for report in models):
        raise BundleError(f"no model ran: {models[0]['refused']}")
    _write(output, {"bundle": archive.manifest["id"], "device": describe_device(), "models": models}, arrays)
    print(f"results {output}")


def _write(path: Path, report: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Write the results, whole or not at all."""
    from .files import replacing  # lies beside this file in a bundle alone

    text = np.frombuffer(json.dumps(report).encode(), dtype=np.uint8)
    with replacing(path, BundleError) as partial, partial.open("wb") as file:
        np.savez_compressed(file, report=text, **arrays)
