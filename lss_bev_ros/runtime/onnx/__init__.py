"""The network written as ONNX, and what its files say of themselves."""

from .description import OnnxDescription
from .writer import OnnxOptions, write_network

__all__ = ["OnnxDescription", "OnnxOptions", "write_network"]
