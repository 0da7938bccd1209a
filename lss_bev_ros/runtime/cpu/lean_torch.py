"""PyTorch without what its compiler alone reads, for a process that runs networks on the processor.

A fifth of `import torch` goes into tables of shapes and decompositions for `torch.compile` and
`torch.export`, and 18 MiB of memory. Here they are loaded once something asks for an attribute of them
(`importlib`'s `LazyLoader`). Until then `torch.Generator()` raises a RuntimeError that says what it lacks.
Only versions with which this was tried are treated so.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

from .kept_name import torch_version

DEFERRED = frozenset({"torch._meta_registrations", "torch.distributed._meta_registrations", "torch._native"})
"""Modules of PyTorch whose import registers what no operation on real tensors of a processor looks up."""


TRIED = ("2.13.",)
"""How the versions begin with which the networks and their tests ran so."""


class _Deferring:
    """A finder of modules that are executed later."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's own, with a loader that waits; None for all others."""
        if name not in DEFERRED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


@contextlib.contextmanager
def lean_torch() -> Iterator[None]:
    """Within it `import torch` leaves out `DEFERRED`. Not for a process that compiles or exports networks."""
    finder = _Deferring()
    if not torch_version().startswith(TRIED):
        yield
        return
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
