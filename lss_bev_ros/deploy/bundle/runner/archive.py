"""A bundle as a file: what lies in it, and whether it is whole."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

FORMAT = "lss_bev_ros bundle"
VERSION = 1
MANIFEST = "manifest.json"

# Of a changed byte in a head: a compression or an encryption that zipfile lacks is a RuntimeError.
_DAMAGED = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, zlib.error)


class BundleError(Exception):
    """A bundle that is cut short, changed or of another kind, or that cannot run here; one line."""


class Archive:
    """Reads a bundle, every file checked against its SHA-256 in the manifest as it is read.

    Attributes:
        path: the bundle's file.
        manifest: see `deploy.bundle.manifest`.

    Raises:
        BundleError: the file is no bundle, is cut short, or is of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
            self.manifest: dict[str, Any] = json.loads(self._zip.read(MANIFEST))
        except FileNotFoundError:
            raise BundleError(f"{path}: no such file") from None
        except _DAMAGED:
            raise BundleError(f"{path}: truncated, or not a bundle; copy or make it again") from None
        except (KeyError, ValueError):
            raise BundleError(f"{path}: no readable {MANIFEST} inside; this is not a bundle") from None
        if not isinstance(self.manifest, dict) or not isinstance(self.manifest.get("files", {}), dict):
            raise BundleError(f"{path}: no readable {MANIFEST} inside; this is not a bundle")
        if self.manifest.get("format") != FORMAT:
            raise BundleError(
                f"{path}: {MANIFEST} says it is {self.manifest.get('format')!r}, not {FORMAT!r}"
            )
        if self.manifest.get("version") != VERSION:
            raise BundleError(
                f"{path}: format version {self.manifest.get('version')}, this reads {VERSION}; make it again"
            )

    def read(self, name: str) -> bytes:
        """The bytes of a file of the bundle.

        Raises:
            BundleError: it is missing or is not what was put in.
        """
        expected = self.manifest["files"].get(name)
        try:
            content = self._zip.read(name)
        except (KeyError, ValueError, *_DAMAGED):
            content = None
        if content is None or hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(f"{self.path}: {name} is missing or changed; copy or make the bundle again")
        return content

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of an .npz file of the bundle, by name."""
        with np.load(io.BytesIO(self.read(name)), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def verify(self) -> int:
        """Read everything once; the number of files that are as they were put in."""
        for name in self.manifest["files"]:
            self.read(name)
        return len(self.manifest["files"])

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
