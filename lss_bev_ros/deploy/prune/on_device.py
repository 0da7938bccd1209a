"""The whole network, measured on another device each time that it was cut."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...errors import DeployError
from ...model import LiftSplatShoot
from ...runtime.onnx import OnnxOptions, write_network
from ...runtime.onnx.seal import sealed
from ..bundle import LatencyServer
from ..bundle.runner.archive import Archive, BundleError


class OnDevice:
    """Exports a network as the bundle's first model of the published network was, and has it measured.

    Args:
        server: on the device.
        bundle: that it was started with.

    Raises:
        DeployError: the bundle is damaged, or of a multi-sense network.
    """

    def __init__(self, server: LatencyServer, bundle: Path):
        self._server = server
        try:
            with Archive(bundle) as archive:
                known = [model for model in archive.manifest["models"] if "sensed" not in model]
        except BundleError as error:
            raise DeployError(str(error)) from None
        if not known:
            raise DeployError(f"{bundle} has no published network, which alone is cut for another device")
        self._precision = "fp32" if known[0]["precision"] == "fp32" else "fp16"
        self._dynamic: tuple[str, ...] = ("tables",) if "points" in known[0].get("free", ()) else ()

    def __call__(self, model: LiftSplatShoot) -> float:
        """Milliseconds, the median.

        Raises:
            DeployError: the device refuses it, or is lost.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "cut.onnx")
            # Not checked as an exported file is: nobody keeps it.
            options = OnnxOptions(precision=self._precision, dynamic=self._dynamic)
            path.write_bytes(sealed(write_network(model, options)))
            measured = self._server.measure(path)
        if "refused" in measured:
            raise DeployError(f"the device does not run the network that was cut: {measured['refused']}")
        return float(measured["median_ms"])
