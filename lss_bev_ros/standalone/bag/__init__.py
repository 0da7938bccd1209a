"""Deprecated, ends with 0.3: `pipros.bag`, whose recorder and player are imported when they are asked for."""

from typing import Any

import pipros.bag


def __getattr__(name: str) -> Any:
    return getattr(pipros.bag, name)
