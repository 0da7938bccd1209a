"""The ROS 2 surface: one file a node, and what the nodes share."""

import os

# NumPy reads this when it is imported, which is after this file. For the few small products of the nodes
# OpenBLAS would wake threads that then wait at full load: a tenth of a core a node, at 2 Hz.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
