"""Drawing samples of a world on a GPU; needs numba with CUDA (or its simulator) and PyTorch."""

from .studio import Drawn, GpuStudio

__all__ = ["Drawn", "GpuStudio"]
