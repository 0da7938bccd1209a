"""The network as an ONNX file, and what the file's runtime changes: tensors, cells, IoU and time.

    pip install -e ".[dataset,export]"
    python examples/export_and_compare.py street network.onnx

`lss-bev export` and `lss-bev compare` do the same with more options, and write reports.
"""

import sys
from pathlib import Path

from lss_bev_ros.benchmark.compare import Tolerances, compare, failures, markdown, open_subject
from lss_bev_ros.deploy.export import export_network
from lss_bev_ros.evaluation.frames import dataset_frames
from lss_bev_ros.model import build_model


def main(dataroot: str, file: str = "network.onnx", frames: str = "4") -> None:
    """Export, then run both on the same frames, alternating."""
    written = export_network(
        build_model("builtin").eval(), Path(file), dynamic=("tables",), weights="builtin"
    )
    print(f"{written.path}: {written.nodes} operators, {written.megabytes:.0f} MB\n")

    ours, theirs = open_subject("torch:fp32"), open_subject(file)
    tolerances = Tolerances.of((ours.precision, theirs.precision))
    report = compare(ours, theirs, dataset_frames(Path(dataroot), int(frames)), tolerances)
    print(markdown(report, title="What ONNX Runtime changes"))
    ours.close()
    theirs.close()
    if failures(report):
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
