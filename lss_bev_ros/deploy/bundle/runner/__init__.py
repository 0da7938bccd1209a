"""What a bundle runs on the device: the standard library, numpy, and onnxruntime or TensorRT.

This folder travels inside every bundle and runs there without the rest of the package, on Python 3.8 and
later, so nothing here may import anything else of it.
"""
