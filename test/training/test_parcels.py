"""Samples that a GPU draws reach the pool, and nothing is left behind in shared memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import ModelConfig
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.parcels import SampleBlock, receive, send
from lss_bev_ros.training.pool import SamplePool

MODEL = ModelConfig(grid=BevGrid(-8, 8, -8, 8, 0.5))
LAYOUT = SampleLayout(cameras=2, height=8, width=16, grid=MODEL.grid)


@dataclass
class Luggage:
    """Something with arrays, as a parcel has."""

    fields: dict

    def arrays(self):
        return self.fields


def block(values):
    count = len(values)
    images = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1, 1).expand(count, 2, 8, 16, 3)
    depth = torch.zeros(count, 2, 2, 4, dtype=torch.uint8)
    raster = torch.zeros(count, 32, 32, dtype=torch.uint8)
    return SampleBlock(images, depth, raster, torch.zeros(count, 2, 21), torch.ones(count, 2).bool())


def test_the_newest_samples_stay_in_a_full_pool():
    pool = SamplePool(5, LAYOUT, MODEL, torch.device("cpu"))
    pool.extend(block([1, 2, 3]))
    assert len(pool) == 3
    pool.extend(block([4, 5, 6, 7]))
    assert len(pool) == 5
    kept = pool.batch(torch.arange(5)).images[:, 0, 0, 0, 0]
    assert sorted(kept.tolist()) == [3, 4, 5, 6, 7]
    pool.extend(block(list(range(10, 20))))
    kept = pool.batch(torch.arange(5)).images[:, 0, 0, 0, 0]
    assert sorted(kept.tolist()) == [15, 16, 17, 18, 19]


def test_arrays_cross_shared_memory_unchanged():
    rng = np.random.default_rng(0)
    sent = {
        "a": rng.normal(size=(3, 5)).astype(np.float16),
        "none": np.zeros((0, 4), np.int32),
        "turned": rng.integers(0, 9, (4, 6)).T,
    }
    name, table = send(Luggage(sent))
    fields, memory = receive(name, table, dict)
    for key, array in sent.items():
        assert np.array_equal(fields[key], array)
        assert fields[key].dtype == array.dtype
    del fields
    memory.unlink()
    memory.close()
    assert not (Path("/dev/shm") / name).exists()
