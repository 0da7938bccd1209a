"""TensorRT: engines from exported files, and the backend that runs them.

No engine can be run where this is developed, and of TensorRT's libraries only those for RTX are public
packages. So every call of its API is in `builder.py` and `module.py`, tests hold both to the signatures of
the published bindings, and TensorRT for RTX builds every exported file where it is installed.
"""
