"""Run a bundle on another machine over ssh, and bring its results back."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ...errors import DeployError
from ...files import replacing

FOLDER = ".cache/lss_bev_ros"
"""Where bundles are put on the device, below the home folder."""


def run_remote(
    bundle: Path,
    host: str,
    output: Path,
    arguments: Sequence[str] = (),
    python: str = "python3",
    ssh: Sequence[str] = (),
) -> None:
    """Copy a bundle to a device, run it there, and fetch the results.

    The device needs an ssh server, Python with numpy, and onnxruntime or TensorRT; nothing is installed. A
    bundle that lies there already is not copied again.

    Args:
        bundle: the bundle.
        host: as ssh takes it, `user@host` or a name of ~/.ssh/config.
        output: file for the results; it appears when they are whole.
        arguments: handed to the bundle's `run`.
        python: interpreter on the device.
        ssh: options for ssh and scp, such as `-o Port=2222`.

    Raises:
        DeployError: a step failed; which one, and what the device said on stderr is on stderr.
    """
    there = put_bundle(bundle, host, ssh)
    results = f"{there}.results.npz"
    where, quoted = shlex.quote(there), shlex.quote(results)
    words = shlex.join(["run", "--output", results, *arguments])
    _ssh(host, ssh, f"rm -f {quoted}; {shlex.quote(python)} {where} {words}", "run the bundle")
    with replacing(output, DeployError) as partial:
        _scp(ssh, f"{host}:{results}", str(partial), "fetch the results")


def put_bundle(bundle: Path, host: str, ssh: Sequence[str] = ()) -> str:
    """Copy a bundle to a device, unless it lies there; where, below the home folder.

    Raises:
        DeployError: a step failed.
    """
    if not host or host.startswith("-"):
        raise DeployError(f"host {host!r} must be a host name or user@host")
    there = f"{FOLDER}/{bundle.name}"
    where = shlex.quote(there)
    check = subprocess.run(["sha256sum", str(bundle)], capture_output=True, text=True, check=False)
    digest = check.stdout.split(" ")[0].lstrip("\\")
    same = f'test "$(sha256sum {where} 2>/dev/null | cut -d" " -f1)" = {digest or "none"} && echo same'
    found = _ssh(host, ssh, f"mkdir -p {FOLDER}; {same}; true", "reach the device", capture=True)
    if "same" not in found.split():
        # absolute: scp takes what is before a colon for a host
        _scp(ssh, str(bundle.absolute()), f"{host}:{there}.part", "copy the bundle")
        _ssh(host, ssh, f"mv {where}.part {where}", "put the bundle in place")
    return there


def remote_command(host: str, ssh: Sequence[str], python: str, there: str, words: Sequence[str]) -> list[str]:
    """What runs a bundle's own command line on a device."""
    return ["ssh", *ssh, host, f"{shlex.quote(python)} {shlex.quote(there)} {shlex.join(words)}"]


def _ssh(host: str, options: Sequence[str], command: str, step: str, capture: bool = False) -> str:
    return _run(["ssh", *options, host, command], host, step, capture)


def _scp(options: Sequence[str], source: str, target: str, step: str) -> None:
    _run(["scp", "-q", *options, source, target], source.split(":")[0], step, capture=False)


def _run(words: list[str], host: str, step: str, capture: bool) -> str:
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE if capture else None, text=True, check=False)
    except FileNotFoundError:
        raise DeployError(f"{words[0]} is not installed; it is needed to {step}") from None
    if done.returncode == 255:
        raise DeployError(f"{host}: no connection over ssh; try `ssh {host}` by hand")
    if done.returncode:
        raise DeployError(f"{host}: could not {step} ({words[0]} ended with code {done.returncode})")
    return done.stdout or ""
