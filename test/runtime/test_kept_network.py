"""The folded network on the disk is the network, or is made again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lss_bev_ros.errors import ModelError
from lss_bev_ros.model import ModelConfig, build_model
from lss_bev_ros.model.weights import BUILTIN
from lss_bev_ros.runtime.cpu import kept_network
from lss_bev_ros.runtime.cpu.kept_network import KEPT, FoldedNetwork, kept, read

CHECKPOINT = BUILTIN["builtin-pruned"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LSS_BEV_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def model():
    return build_model("builtin-pruned")


class Maker:
    """Hands out the network and counts how often."""

    def __init__(self, model) -> None:
        self.model, self.made = model, 0

    def __call__(self):
        self.made += 1
        return self.model


def logits(network: FoldedNetwork) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(1, 3, 128, 352, generator=generator)
    with torch.inference_mode():
        depth, features = network.camera_encoder(images.contiguous(memory_format=torch.channels_last))
        bev = torch.randn(200, 200, 64, generator=generator)
        return torch.cat([depth.flatten(), features.flatten(), network.bev_encoder(bev).flatten()])


def test_what_was_kept_gives_the_same_numbers_and_asks_for_no_checkpoint(model, cache: Path):
    make = Maker(model)
    first = kept(CHECKPOINT, torch.float32, ModelConfig(), make)
    again = kept(CHECKPOINT, torch.float32, ModelConfig(), make)
    assert make.made == 1
    assert again.config == model.config, "with the checkpoint's widths"
    assert torch.equal(logits(first), logits(again))
    (file,) = cache.glob("*.folded")
    kept(CHECKPOINT, torch.bfloat16, ModelConfig(), make)
    assert make.made == 2, "another precision is another network"
    assert read(file) is not None


@pytest.mark.parametrize("place", [0, 31, 32, 1000, -1])
def test_one_damaged_byte_and_it_is_made_again(model, cache: Path, place: int):
    make = Maker(model)
    kept(CHECKPOINT, torch.bfloat16, ModelConfig(), make)
    (file,) = cache.glob("*.folded")
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[place] ^= 1
    file.write_bytes(damaged)
    assert read(file) is None
    kept(CHECKPOINT, torch.bfloat16, ModelConfig(), make)
    assert make.made == 2
    assert read(file) is not None, "the next start finds a good one"
    file.write_bytes(whole[: len(whole) // 2])
    assert read(file) is None


def test_other_bytes_of_a_checkpoint_are_another_network(model, tmp_path: Path):
    make = Maker(model)
    other = tmp_path / "other.safetensors"
    other.write_bytes(CHECKPOINT.read_bytes() + b"\0")
    for checkpoint in (CHECKPOINT, other):
        kept(checkpoint, torch.bfloat16, ModelConfig(), make)
    assert make.made == 2


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(model, cache: Path):
    cache.write_text("a file where a folder should be")
    make = Maker(model)
    for made in (1, 2):
        assert kept(CHECKPOINT, torch.bfloat16, ModelConfig(), make).config == model.config
        assert make.made == made


def test_a_missing_checkpoint_is_told_as_ever(tmp_path: Path):
    path = tmp_path / "missing.pt"
    with pytest.raises(ModelError, match="no checkpoint at"):
        kept(path, torch.bfloat16, ModelConfig(), lambda: build_model(path))


def test_only_the_last_few_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch):
    cache.mkdir()
    for number in range(KEPT + 3):
        (cache / f"{number}.folded").touch()
    kept_network._forget(cache)
    assert len(list(cache.glob("*.folded"))) == KEPT
