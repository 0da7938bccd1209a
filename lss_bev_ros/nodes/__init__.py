"""The ROS 2 surface: one file a node, and what the nodes share.

The nodes are `replay`, `inference`, `evaluation` and `dashboard`. Their parameters are stated in
`configuration`; `parameters` declares them on a node, `launching` makes launch arguments of them, and
`parameter_file` writes config/lss_bev.yaml. `process` has what every executable does around its node.
"""

import os

# NumPy reads this when it is imported, which is after this file. For the few small products of the nodes
# OpenBLAS would wake threads that then wait at full load: a tenth of a core a node, at 2 Hz.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
