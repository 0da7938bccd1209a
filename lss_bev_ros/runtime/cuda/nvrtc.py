"""CUDA C++ compiled while the program runs: NVRTC and the driver, as little of them as that takes.

Both are C libraries that come with PyTorch and with the driver, so this needs nothing else to be installed.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from ...errors import RuntimeBackendError


class CompiledSource:
    """The kernels of one source.

    Args:
        source: CUDA C++; kernels are `extern "C"`.
        name: of the source, for messages.
        options: of the compiler, such as `-DVALUE_HALF`.

    Raises:
        RuntimeBackendError: there is no compiler, or it does not take the source.
    """

    def __init__(self, source: str, name: str, options: Sequence[str] = ()):
        self._driver = _library("cuda", "libcuda.so.1", "libcuda.so")
        major, minor = torch.cuda.get_device_capability()
        binary = compile_source(source, name, [f"--gpu-architecture=sm_{major}{minor}", *options])
        # The module lives in PyTorch's context, which its first allocation makes current.
        torch.zeros(1, device="cuda")
        self._module = ctypes.c_void_p()
        self._check(self._driver.cuModuleLoadData(ctypes.byref(self._module), binary), f"loading {name}")

    def kernel(self, name: str) -> Kernel:
        """Find a kernel by its name."""
        function = ctypes.c_void_p()
        found = self._driver.cuModuleGetFunction(ctypes.byref(function), self._module, name.encode())
        self._check(found, f"finding kernel {name}")
        return Kernel(self, function, name)

    def launch(
        self,
        function: ctypes.c_void_p,
        name: str,
        grid: int,
        block: tuple[int, int],
        arguments: Sequence[torch.Tensor | int],
    ) -> None:
        """Launch a kernel on PyTorch's current stream; see `Kernel`."""
        values = [
            ctypes.c_void_p(value.data_ptr()) if isinstance(value, torch.Tensor) else ctypes.c_int(value)
            for value in arguments
        ]
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        launched = self._driver.cuLaunchKernel(
            function, grid, 1, 1, block[0], block[1], 1, 0, stream, pointers, None
        )
        self._check(launched, f"launching {name}")

    def _check(self, status: int, doing: str) -> None:
        if status:
            raise RuntimeBackendError(f"CUDA error {status} {doing}: check the driver with nvidia-smi")


class Kernel:
    """A kernel that can be launched."""

    def __init__(self, source: CompiledSource, function: ctypes.c_void_p, name: str):
        self._source, self._function, self._name = source, function, name

    def __call__(self, grid: int, block: tuple[int, int], *arguments: torch.Tensor | int) -> None:
        """Launch it on PyTorch's current stream.

        Args:
            grid: blocks.
            block: threads along x and y.
            arguments: tensors on the device, contiguous, and 32-bit whole numbers.
        """
        self._source.launch(self._function, self._name, grid, block, arguments)


def compile_source(source: str, name: str, options: Sequence[str]) -> bytes:
    """Compile CUDA C++ to machine code.

    Raises:
        RuntimeBackendError: there is no compiler, or it does not take the source.
    """
    nvrtc = _compiler()
    program = ctypes.c_void_p()
    text = source.encode()
    status = nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, name.encode(), 0, None, None)
    if status:
        raise RuntimeBackendError(f"NVRTC error {status} taking {name}")
    try:
        flags = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        if nvrtc.nvrtcCompileProgram(program, len(options), flags):
            log = _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
            first = log.decode(errors="replace").strip().splitlines() or ["no message"]
            raise RuntimeBackendError(f"NVRTC cannot compile {name}: {first[0]}")
        return _text(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, program)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _text(size_of: ctypes._FuncPointer, get: ctypes._FuncPointer, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    size_of(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    get(program, buffer)
    return buffer.raw


def _compiler() -> ctypes.CDLL:
    major = (torch.version.cuda or "13").split(".")[0]
    names = [f"libnvrtc.so.{major}", "libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"]
    folders = [Path(torch.__file__).parent / "lib"]
    for entry in filter(None, sys.path):
        folders += Path(entry).glob("nvidia/*/lib")
    packaged = [str(path) for folder in folders for path in sorted(folder.glob("libnvrtc*.so*"))]
    # The one with `builtins` in its name is loaded by the other.
    return _library(
        "nvrtc", *names, *(path for path in packaged if "builtins" not in path and ".alt." not in path)
    )


def _library(what: str, *names: str) -> ctypes.CDLL:
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    remedy = {
        "cuda": "install the NVIDIA driver",
        "nvrtc": "pip install triton, or nvidia-cuda-nvrtc for your CUDA",
    }[what]
    raise RuntimeBackendError(f"no {names[0]} here: {remedy}")
