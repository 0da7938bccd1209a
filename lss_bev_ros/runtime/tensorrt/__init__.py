"""TensorRT: engines from exported files, and the backend that runs them.

No engine can be built where this is developed, since TensorRT's libraries are no public packages. So every
call of its API is in `builder.py` and `module.py`, and tests hold both to the signatures of the published
bindings.
"""
