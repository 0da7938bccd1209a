"""A device that measures one ONNX file after another: a bundle's runner at the other end of a pipe or of ssh.

ssh is the transport: it knows the user and encrypts, and nothing listens on the device. The device needs what
`run_remote` needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ...errors import DeployError
from ...runtime.onnx import OnnxDescription
from ...runtime.onnx.session import OnnxSession
from .remote import put_bundle, remote_command
from .results import fits_model
from .runner.serving import READY

ALIVE = ("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4")
"""A device that is gone is noticed within a minute; options of the user's come first, and count."""


class LatencyServer:
    """Measures files on a device, which is reached once.

    Args:
        bundle: that has frames and tables for them.
        host: device, as ssh takes it; None for this machine.
        arguments: handed to the bundle's `serve`, such as `--repetitions 1000`.
        python: interpreter on the device.
        ssh: options for ssh and scp.

    Attributes:
        device: what it says of itself.

    Raises:
        DeployError: it cannot be reached, or the bundle does not run there.
    """

    def __init__(
        self,
        bundle: Path,
        host: str | None = None,
        arguments: Sequence[str] = (),
        python: str = "python3",
        ssh: Sequence[str] = (),
    ):
        self._where = host or "the bundle's runner"
        self._remedy = f", or try `ssh {host}` by hand" if host else ""
        if host is None:
            words = [sys.executable, str(bundle), "serve", *arguments]
        else:
            there = put_bundle(bundle, host, ssh)
            words = remote_command(host, (*ssh, *ALIVE), python, there, ["serve", *arguments])
        try:
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            raise DeployError(
                f"{words[0]} cannot be started ({error.strerror}); it is needed to measure"
            ) from None
        try:
            self.device: Mapping[str, Any] = self._answer("before it measured")["device"]
        except BaseException:
            self.close()
            raise

    def measure(self, path: Path) -> dict[str, Any]:
        """What the device's runner writes of a model, without its outputs; `refused` where it does not run.

        Raises:
            DeployError: the device is lost, or the file cannot be read.
            ModelError: the file does not say what it is.
        """
        session = OnnxSession(path, path.name)
        description = OnnxDescription.read(session.metadata, path.name)
        inputs = {
            name: [str(dtype), [size if isinstance(size, int) else None for size in session.shapes[name]]]
            for name, dtype in session.dtypes.items()
        }
        content = path.read_bytes()
        request = {
            "name": path.stem,
            "precision": description.precision,
            "inputs": inputs,
            "size": len(content),
        }
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(json.dumps(request).encode() + b"\n" + content)
            pipe.flush()
        except OSError:
            raise self._lost(f"while it was sent {path.name}") from None
        answer = self._answer(f"while it measured {path.name}")
        if not fits_model(answer):
            raise self._lost(f"while it measured {path.name}")
        return answer

    def close(self) -> None:
        """Let the device go."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                # Of a device that is lost, what was not sent stays here.
                try:
                    pipe.close()
                except OSError:
                    continue
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> LatencyServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, when: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            answer = json.loads(line)
        except ValueError:
            raise self._lost(when) from None
        if not isinstance(answer, dict) or (when.startswith("before") and READY not in answer):
            raise self._lost(when)
        return answer

    def _lost(self, when: str) -> DeployError:
        return DeployError(f"{self._where} was lost {when}: look at what it said above{self._remedy}")
