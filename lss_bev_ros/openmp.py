"""How PyTorch's threads wait for each other."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

POLICY = "OMP_WAIT_POLICY"


def let_threads_sleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have threads that wait sleep instead of spin, unless the user has said how they are to wait.

    A thread that spins keeps a core that another process may need to get the work done that is waited for:
    beside other nodes a frame then takes ten times as long. OpenMP reads this once, when PyTorch is loaded,
    and children inherit it.

    Args:
        environment: of this process.
    """
    if not any(environment.get(name) for name in (POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME")):
        environment[POLICY] = "PASSIVE"
