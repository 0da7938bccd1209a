"""The range of every tensor between operators, measured on calibration frames."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DeployError
from .network import OPERATORS, FloatNetwork, LabelledInput

if TYPE_CHECKING:
    from onnxruntime.quantization.calibrate import TensorsData

METHODS = ("minmax", "percentile", "entropy")


def measure_ranges(
    network: FloatNetwork,
    frames: Sequence[LabelledInput],
    method: str = "minmax",
    percentile: float = 99.99,
    symmetric: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> TensorsData:
    """Run the network on the frames and see how far each tensor reaches.

    Args:
        network: in fp32.
        frames: what it is fed with.
        method: `minmax` for all values, `percentile` for that share of them, `entropy` for the range that
            loses least information (Migacz, "8-bit Inference with TensorRT", 2017).
        percentile: for that method.
        symmetric: whether ranges reach as far below 0 as above.
        progress: told of frames done and all.

    Raises:
        DeployError: an unknown method, or no frame.
    """
    from onnxruntime.quantization.calibrate import CalibrationDataReader, CalibrationMethod, create_calibrator

    if method not in METHODS:
        raise DeployError(f"method {method!r} must be one of {', '.join(METHODS)}")
    if not frames:
        raise DeployError("there is no calibration frame: ranges need at least 1")
    kinds = {
        "minmax": CalibrationMethod.MinMax,
        "percentile": CalibrationMethod.Percentile,
        "entropy": CalibrationMethod.Entropy,
    }

    class OneFrame(CalibrationDataReader):
        """The reader that onnxruntime asks for; of one frame, since it keeps all tensors of a reader."""

        def __init__(self, frame: LabelledInput):
            self._left = [frame.inputs]

        def get_next(self) -> dict | None:
            return self._left.pop() if self._left else None

    options: dict[str, object] = {"symmetric": symmetric}
    if method == "percentile":
        options["percentile"] = percentile
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "network.onnx")
        given.write_bytes(network.model.SerializeToString())
        calibrator = create_calibrator(
            given,
            list(OPERATORS),
            str(Path(folder, "augmented.onnx")),
            calibrate_method=kinds[method],
            extra_options=options,
        )
        for done, frame in enumerate(frames):
            # It prints what it does, to standard output.
            with contextlib.redirect_stdout(io.StringIO()):
                calibrator.collect_data(OneFrame(frame))
            if progress:
                progress(done + 1, len(frames))
        with contextlib.redirect_stdout(io.StringIO()):
            return calibrator.compute_data()
