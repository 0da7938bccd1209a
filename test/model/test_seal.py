"""A file of weights that a byte of has changed is refused, whichever byte that is."""

from __future__ import annotations

import hashlib
import random

import pytest
import torch
from safetensors.torch import save_file

from lss_bev_ros.errors import ModelError
from lss_bev_ros.model.seal import SUMS
from lss_bev_ros.model.weights import BUILTIN, read_tensors, write_weights

STATE = {
    "a.weight": torch.arange(12.0).reshape(3, 4),
    "a.bias": torch.tensor(0.5),
    "a.count": torch.tensor([7]),
    "empty": torch.zeros(0, 3),
}


@pytest.fixture
def written(tmp_path):
    write_weights(STATE, tmp_path / "weights.safetensors", {"made": "for a test"})
    return tmp_path / "weights.safetensors"


def test_what_was_written_is_read(written):
    read = read_tensors(written)
    assert set(read) == set(STATE)
    assert all(torch.equal(read[name].double(), STATE[name].double()) for name in STATE)


def test_no_changed_byte_is_taken(written):
    data = bytearray(written.read_bytes())
    begin = 8 + int.from_bytes(data[:8], "little")
    chosen = {*range(begin, len(data)), *random.Random(1).sample(range(len(data)), 100)}
    for place in sorted(chosen):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        written.write_bytes(changed)
        if changed[begin:] == data[begin:] and _says_the_same(written):
            continue  # spaces between the header's words
        with pytest.raises(ModelError, match="copy it again") as refusal:
            read_tensors(written)
        assert "\n" not in str(refusal.value)


def _says_the_same(path):
    try:
        read_tensors(path)
    except ModelError:
        return False
    return True


def test_foreign_files_have_no_checksum_and_are_read(tmp_path):
    save_file({"x": torch.ones(2)}, tmp_path / "foreign.safetensors")
    assert read_tensors(tmp_path / "foreign.safetensors")["x"].tolist() == [1.0, 1.0]


def test_a_list_beside_a_file_counts(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"x": torch.ones(2)}, path)
    listed = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / SUMS).write_text(f"{listed}  foreign.safetensors\n{'0' * 64}  other.safetensors\n")
    assert list(read_tensors(path)) == ["x"]
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match="damaged"):
        read_tensors(path)


@pytest.mark.parametrize("name", ["builtin", "builtin-pruned"])
def test_the_weights_that_ship_are_listed(name):
    path = BUILTIN[name]
    listed = dict(reversed(line.split("  ")) for line in (path.parent / SUMS).read_text().splitlines())
    assert listed[path.name] == hashlib.sha256(path.read_bytes()).hexdigest()


class OnAnotherDevice(torch.Tensor):
    """As a tensor on a GPU: NumPy cannot have its bytes."""

    def numpy(self, *_, **__):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def cpu(self, *_, **__):
        return self.as_subclass(torch.Tensor)


def test_a_network_is_written_from_the_device_that_trains_it(written, tmp_path):
    away = {name: tensor.clone().as_subclass(OnAnotherDevice) for name, tensor in STATE.items()}
    write_weights(away, tmp_path / "again.safetensors", {"made": "for a test"})
    here, there = read_tensors(written), read_tensors(tmp_path / "again.safetensors")
    assert all(torch.equal(here[name], there[name]) for name in STATE)
