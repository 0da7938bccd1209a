"""The folded network on the disk is the network, or is made again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lss_bev_ros.errors import ModelError
from lss_bev_ros.model import ModelConfig, build_model
from lss_bev_ros.model.weights import BUILTIN
from lss_bev_ros.runtime.cpu import kept_network
from lss_bev_ros.runtime.cpu.head_start import HeadStart, load_libraries
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


def test_one_that_others_may_write_is_made_again(model, cache: Path):
    make = Maker(model)
    kept(CHECKPOINT, torch.bfloat16, ModelConfig(), make)
    (file,) = cache.glob("*.folded")
    file.chmod(0o666)
    for made in (2, 2):
        kept(CHECKPOINT, torch.bfloat16, ModelConfig(), make)
        assert make.made == made, "and the next start finds one of its own"


@pytest.mark.parametrize("said", [[], ["x"] * 3, [{"class": "Path", "fields": {}}] * 3, [{"tensor": 5}] * 3])
def test_a_whole_file_that_says_something_else_is_made_again(cache: Path, said):
    file = cache / "x.folded"
    kept_network.write_arrays(file, kept_network.ArrayFile(said, []))
    assert read(file) is None


def test_a_tensor_that_is_larger_than_its_bytes_is_refused(cache: Path):
    tensor = {"tensor": 0, "dtype": "torch.float32", "shape": [3], "stride": [1]}
    with pytest.raises(ValueError, match="beyond its bytes"):
        kept_network._made(tensor, [torch.zeros(8, dtype=torch.uint8).numpy()])


def test_a_head_start_reads_the_network_before_it_is_asked_for(model, cache: Path, monkeypatch):
    make = Maker(model)
    assert HeadStart(CHECKPOINT).take(CHECKPOINT) is None, "nothing is kept yet"
    first = kept(CHECKPOINT, torch.float32, ModelConfig(), make)
    early = HeadStart(CHECKPOINT)
    early._thread.join()
    monkeypatch.setattr(kept_network, "read_arrays", lambda path: pytest.fail("it was read before"))
    again = kept(CHECKPOINT, torch.float32, ModelConfig(), make, early)
    assert make.made == 1
    assert torch.equal(logits(first), logits(again))
    assert early.take(CHECKPOINT) is None, "once"


def test_a_head_start_for_something_else_is_left_alone(model, cache: Path, tmp_path: Path):
    make = Maker(model)
    kept(CHECKPOINT, torch.bfloat16, ModelConfig(), make)
    other = tmp_path / "other.safetensors"
    other.write_bytes(CHECKPOINT.read_bytes() + b"\0")
    kept(other, torch.bfloat16, ModelConfig(), make, HeadStart(CHECKPOINT))
    assert make.made == 2
    kept(CHECKPOINT, torch.float32, ModelConfig(), make, HeadStart(CHECKPOINT))
    assert make.made == 3, "what was read early is of another precision"
    for file in cache.glob("*.folded"):
        file.write_bytes(file.read_bytes()[:-1])
    kept(CHECKPOINT, torch.float32, ModelConfig(), make, HeadStart(CHECKPOINT))
    assert make.made == 4, "what was read early is damaged"
    HeadStart(tmp_path / "missing").forget()


def test_libraries_load_on_a_thread_whatever_is_there(monkeypatch: pytest.MonkeyPatch):
    load_libraries().join()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    load_libraries().join()
