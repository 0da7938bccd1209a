"""Small networks are trained by one thread: more of them only wait for each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from .fake_drive import write_drive


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def fake_drive(tmp_path_factory) -> Path:
    """A short drive that no test may change."""
    return write_drive(tmp_path_factory.mktemp("drive") / "root", 24.0)
