"""INT8 after training: ranges on calibration frames, sensitive layers in float, Q/DQ in the file."""

from .quantizing import QuantizedNetwork, QuantizeOptions, quantize
from .table import quantize_table

__all__ = ["QuantizeOptions", "QuantizedNetwork", "quantize", "quantize_table"]
