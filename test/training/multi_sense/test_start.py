"""A run starts from the published network, or from where an earlier part of it was left."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import typer

from lss_bev_ros.commands import trainer as command
from lss_bev_ros.errors import TrainingError
from lss_bev_ros.model import LiftSplatShoot
from lss_bev_ros.model.multi_sense import Sensed
from lss_bev_ros.model.multi_sense_names import SHIPPED_STREET, STREET
from lss_bev_ros.model.multi_sense_weights import load_multi_sense, write_multi_sense
from lss_bev_ros.model.senses import SEGMENTS, SENSES, SensesConfig
from lss_bev_ros.training.multi_sense import training
from lss_bev_ros.training.multi_sense.trainer import MultiSenseTrainer
from lss_bev_ros.training.place import Place
from lss_bev_ros.training.publish import publish_run

from .fake_pairs import LAYOUT, MODEL, FakePool, FakeSource
from .fake_pairs import SENSES as CONFIG
from .test_trainer_of_pairs import recipe


@pytest.fixture
def futures(tmp_path):
    """A file of futures, for clusters of which nobody waits long."""
    path = tmp_path / "futures.npy"
    np.save(path, np.random.default_rng(0).standard_normal((1000, 6, 2)).astype(np.float32))
    return str(path)


@torch.no_grad()
def test_the_published_network_answers_vehicles_as_before(tmp_path, futures):
    torch.manual_seed(1)
    published = LiftSplatShoot(MODEL).eval()
    torch.save(published.state_dict(), tmp_path / "published.pt")
    model = training.start_model(str(tmp_path / "published.pt"), CONFIG, 0, futures).eval()
    bev = torch.randn(2, 8, 32, 32)
    answers, _ = model(Sensed(cameras=bev, lidar=torch.randn(2, 8, 32, 32)))
    vehicle = answers["segmentation"][:, SEGMENTS.index("vehicle")]
    assert torch.allclose(vehicle, published.bevencode(bev)[:, 0], atol=1e-5)
    assert model.heads["plan"].templates.any()


def test_a_later_part_starts_from_the_average_of_the_earlier_one(tmp_path, futures):
    model = training.start_model("seed:1", CONFIG, 0, futures)
    write_multi_sense(model, tmp_path / "average.safetensors", {})
    again = training.start_model(str(tmp_path / "average.safetensors"), CONFIG)
    assert torch.equal(again.heads["plan"].templates, model.heads["plan"].templates.half().float())
    run = MultiSenseTrainer(
        recipe(steps=100, progress=0.4), again, FakeSource(), FakePool(), FakePool(), tmp_path / "run", LAYOUT
    )
    assert run._clock.progress()[0] == 0.4
    run.load()
    rate = run.advance(0.4)[3]
    assert 0 < rate < recipe(steps=100).rate, "it warms up again"
    with pytest.raises(TrainingError, match="same --senses and --heads"):
        training.start_model(str(tmp_path / "average.safetensors"), replace(CONFIG, heads=("boxes",)))


def test_worlds_of_a_later_part_are_others():
    assert training.first_world(0.0) == 0
    assert training.first_world(0.4) > 100_000


def test_publishing_a_run_gives_its_average(tmp_path, futures):
    model = training.start_model("seed:1", CONFIG, 0, futures)
    (tmp_path / "run").mkdir()
    write_multi_sense(model, tmp_path / "run" / "average.safetensors", {"step": "3"})
    figures = publish_run(tmp_path / "run", tmp_path / "multi.safetensors")
    assert figures["megabytes"] > 1
    assert load_multi_sense(tmp_path / "multi.safetensors").config == CONFIG


def called(monkeypatch, *arguments):
    """What `lss-bev train` with these arguments would have trained."""
    calls = []
    monkeypatch.setattr(
        training, "train_multi_sense", lambda out, config, *rest: calls.append((config, rest)) or {}
    )
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command.train)
    app(args=list(arguments), standalone_mode=False)
    return calls[0]


def test_one_command_trains_both_networks(monkeypatch, tmp_path):
    config, rest = called(
        monkeypatch, str(tmp_path), "--senses", "cameras, lidar", "--heads", "boxes", "--minutes", "2",
        "--start", "x.safetensors", "--progress", "0.5", "--pause", "1", "--held-out", "van", "--resume",
    )  # fmt: skip
    assert config.senses.senses == ("cameras", "lidar")
    assert config.senses.heads == ("boxes",)
    assert (config.seconds, config.start, config.progress) == (120, "x.safetensors", 0.5)
    assert config.held_out == ("van",)
    assert rest[2] is True
    assert rest[5] == 60


def test_what_is_not_given_is_the_multi_sense_recipes_own(monkeypatch, tmp_path):
    config, _ = called(monkeypatch, str(tmp_path), "--senses", ",".join(SENSES))
    assert config == training.MultiSenseRecipe()
    config, _ = called(monkeypatch, str(tmp_path), "--senses", "lidar", "--batch", "32")
    assert config.batch == 32


def test_a_data_root_and_senses_do_not_go_together(monkeypatch, tmp_path):
    with pytest.raises(TrainingError, match="synthetic worlds alone"):
        called(monkeypatch, str(tmp_path), "--senses", "lidar", "--data", "/data/nuscenes")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_remedy_is_named(tmp_path):
    with pytest.raises(TrainingError, match="drawn on a CUDA GPU"):
        training.train_multi_sense(tmp_path)


def test_a_numba_that_does_not_fit_its_numpy_is_one_line(monkeypatch, tmp_path):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name.endswith("multi_sense.parcels"):
                raise AttributeError("module 'numpy' has no attribute 'row_stack'")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(Place, "of_environment", lambda device: None)
    monkeypatch.delitem(sys.modules, "lss_bev_ros.training.multi_sense.parcels", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(TrainingError, match=r"row_stack.*pip install 'lss_bev_ros\[train\]'"):
        training.train_multi_sense(tmp_path)


@pytest.mark.skipif(not SHIPPED_STREET.is_file(), reason="an installation may be without them")
def test_a_run_can_begin_with_weights_that_ship_under_another_horizon():
    sizes = replace(SensesConfig().model, focal=200.0, horizon=40.0)
    model = training.start_model(STREET, SensesConfig(model=sizes))
    shipped = load_multi_sense(SHIPPED_STREET)
    assert model.config.model.horizon == 40.0
    assert torch.equal(model.camencode.depthnet.weight, shipped.camencode.depthnet.weight)
