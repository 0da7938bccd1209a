"""The network written as ONNX, and what its files say of themselves."""

from .description import OnnxDescription
from .writer import Network, OnnxOptions, write_network

__all__ = ["Network", "OnnxDescription", "OnnxOptions", "write_network"]
