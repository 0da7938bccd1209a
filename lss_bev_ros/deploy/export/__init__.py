"""`lss-bev export`: the network as ONNX files that were compared with PyTorch."""

from .exporting import ExportedModel, export_network, file_name
from .table import export_table

__all__ = ["ExportedModel", "export_network", "export_table", "file_name"]
