"""The six calls of the CUDA runtime that a session needs; a device may have no CUDA package for Python."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .archive import BundleError

LIBRARIES = ("libcudart.so", "libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0")
TO_DEVICE, TO_HOST = 1, 2
"""cudaMemcpyHostToDevice and cudaMemcpyDeviceToHost."""


class CudaMemory:
    """Buffers on the GPU, and one stream.

    Attributes:
        stream: the stream's handle, an integer.

    Raises:
        BundleError: there is no CUDA runtime or no GPU.
    """

    def __init__(self) -> None:
        self._library = _load()
        self._library.cudaMalloc.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t]
        self._library.cudaFree.argtypes = [ctypes.c_void_p]
        copy = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p]
        self._library.cudaMemcpyAsync.argtypes = copy
        self._library.cudaStreamCreate.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
        self._library.cudaStreamSynchronize.argtypes = [ctypes.c_void_p]
        self._library.cudaGetErrorString.restype = ctypes.c_char_p
        stream = ctypes.c_void_p()
        self._check(self._library.cudaStreamCreate(ctypes.byref(stream)), "no stream")
        self.stream = stream.value or 0
        self._buffers: list[int] = []

    def allocate(self, size: int) -> int:
        """Address of a new buffer of `size` bytes."""
        pointer = ctypes.c_void_p()
        self._check(self._library.cudaMalloc(ctypes.byref(pointer), max(size, 1)), f"no {size} bytes")
        address = pointer.value or 0
        self._buffers.append(address)
        return address

    def upload(self, address: int, array: np.ndarray) -> None:
        """Copy a contiguous array to the GPU; it must live until `wait`."""
        self._copy(address, array.ctypes.data, array.nbytes, TO_DEVICE)

    def download(self, address: int, array: np.ndarray) -> None:
        """Copy from the GPU into a contiguous array, which is filled after `wait`."""
        self._copy(array.ctypes.data, address, array.nbytes, TO_HOST)

    def wait(self) -> None:
        """Wait until the stream is done."""
        self._check(self._library.cudaStreamSynchronize(self.stream), "the GPU failed")

    def close(self) -> None:
        """Free every buffer."""
        for address in self._buffers:
            self._library.cudaFree(address)
        self._buffers.clear()

    def _copy(self, target: int, source: int, size: int, kind: int) -> None:
        self._check(self._library.cudaMemcpyAsync(target, source, size, kind, self.stream), "no copy")

    def _check(self, code: int, what: str) -> None:
        if code:
            raise BundleError(f"CUDA: {what}: {self._library.cudaGetErrorString(code).decode()}")


def _load() -> Any:
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise BundleError("no CUDA runtime: add /usr/local/cuda/lib64 to LD_LIBRARY_PATH, or install cuda-cudart")
