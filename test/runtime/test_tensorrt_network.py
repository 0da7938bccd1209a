"""The networks that the TensorRT backend captures, on the CPU: engines and kernel are what they compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import LiftSplatShoot, ModelConfig, SplatTable, splat
from lss_bev_ros.model.weights import seed_state
from lss_bev_ros.runtime.calibration_tables import CalibrationTables
from lss_bev_ros.runtime.cuda.splat_tables import CameraTables, DeviceTables
from lss_bev_ros.runtime.segment_tables import NAMES, SegmentSizes
from lss_bev_ros.runtime.tensorrt import network as network_file
from lss_bev_ros.runtime.tensorrt.builder import TensorInfo
from lss_bev_ros.runtime.tensorrt.network import EncodersNetwork, SegmentDeviceTables, WholeNetwork

CONFIG = ModelConfig(
    image_height=64, image_width=128, channels=16, grid=BevGrid(-32.0, 32.0, -32.0, 32.0, 1.0), depth_step=2.0
)
CPU = torch.device("cpu")
ROWS, COLUMNS = CONFIG.feature_shape
BINS, CHANNELS = CONFIG.depth_bins, CONFIG.channels
NX, NY = CONFIG.grid.shape


class Computed:
    """An engine whose launch computes some function of its inputs."""

    def __init__(self, name, inputs, outputs, compute):
        shapes = {**inputs, **outputs}
        self.name = name
        self.info = {key: TensorInfo(key, key in inputs, shape, "float32") for key, shape in shapes.items()}
        self.tensors = {
            key: torch.zeros(shape, dtype=torch.int32 if key in NAMES else torch.float32)
            for key, shape in shapes.items()
        }
        self._compute = compute

    def allocate(self, shapes=None):
        """Everything is there."""

    def launch(self):
        for key, value in self._compute(self.tensors).items():
            self.tensors[key].copy_(value)


class PlainSplat:
    """The kernel's contract in plain PyTorch."""

    def forward(self, depth, features, weights, cells, starts, count, bev):
        hits = int(count)
        used = int(starts[hits])
        counts = torch.zeros(len(bev), dtype=torch.int64)
        counts[cells[:hits].long()] = starts[: hits + 1].long().diff()
        offsets = torch.cat((torch.zeros(1, dtype=torch.int64), counts.cumsum(0)))
        place = weights[:used].long()
        table = SplatTable((NX, NY), place // BINS, place, cells[:hits].long(), starts, offsets)
        bev.copy_(splat(depth, features, table).view_as(bev))


@pytest.fixture(scope="module")
def model():
    made = LiftSplatShoot(CONFIG)
    made.load_state_dict(seed_state(made, 2))
    return made.eval().requires_grad_(False)


@pytest.fixture
def plain_kernel(monkeypatch):
    monkeypatch.setattr(network_file, "splat_kernels", lambda dtype: PlainSplat())


def device_tables(rig, names, tables):
    host = CalibrationTables.of_rig(rig.subset(names), CONFIG)
    moved = CameraTables.of(host, rig, tuple(names), CONFIG, CPU)
    tables.load(moved)
    return host


def expected_logits(model, images, rig, names):
    table = CalibrationTables.of_rig(rig.subset(names), CONFIG).splat
    kept = [rig.names.index(name) for name in names]
    depth, features = model.camencode(images[kept])
    rows = [one.permute(0, 2, 3, 1).flatten(0, 2).contiguous() for one in (depth, features)]
    return model.bevencode(splat(*rows, table).permute(2, 0, 1).unsqueeze(0))[0]


def run(network, images):
    network.images.copy_(images.permute(0, 2, 3, 1))
    network.bev.zero_()
    for launches in network.stages.values():
        for launch in launches:
            launch()
    return network.logits


@pytest.mark.parametrize("channels_first", [False, True], ids=["ours", "torch2trt"])
def test_two_encoders_and_the_kernel_make_the_network(model, ring, plain_kernel, channels_first):
    def lift(tensors):
        depth, features = model.camencode(tensors["images"])
        if not channels_first:
            depth, features = depth.permute(0, 2, 3, 1), features.permute(0, 2, 3, 1)
        return {"a": depth, "b": features}

    def encode(tensors):
        bev = tensors["bev"] if channels_first else tensors["bev"].permute(0, 3, 1, 2)
        return {"found": model.bevencode(bev)}

    first, last = (6, BINS, ROWS, COLUMNS), (6, ROWS, COLUMNS, BINS)
    first_f, last_f = (6, CHANNELS, ROWS, COLUMNS), (6, ROWS, COLUMNS, CHANNELS)
    camera = Computed(
        "camera",
        {"images": (6, 3, CONFIG.image_height, CONFIG.image_width)},
        {"a": first if channels_first else last, "b": first_f if channels_first else last_f},
        lift,
    )
    grid = (1, CHANNELS, NX, NY) if channels_first else (1, NX, NY, CHANNELS)
    bev = Computed("bev", {"bev": grid}, {"found": (1, 1, NX, NY)}, encode)
    tables = DeviceTables(CONFIG, 6, CPU)
    network = EncodersNetwork(camera, bev, CONFIG, 6, tables)
    images = torch.randn(6, 3, CONFIG.image_height, CONFIG.image_width)
    for names in (ring.names, ring.names[2:]):
        host = device_tables(ring, names, tables)
        logits = run(network, images)
        torch.testing.assert_close(logits, expected_logits(model, images, ring, names), atol=1e-4, rtol=1e-4)
        assert np.array_equal(network.occupancy.numpy() >= 0, host.visible)


def test_one_engine_reads_its_tables_from_the_calibration(model, ring):
    pytest.importorskip("onnx", reason="the extra `export` is not installed")
    pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    from lss_bev_ros.runtime.onnx import OnnxOptions, write_network
    from lss_bev_ros.runtime.onnx.session import OnnxSession

    session = OnnxSession(write_network(model, OnnxOptions()).SerializeToString(), "network")
    inputs = {name: tuple(shape) for name, shape in session.shapes.items()}

    def compute(tensors):
        found = session.run({name: tensors[name].numpy() for name in inputs})
        return {"logits": torch.from_numpy(found["logits"])}

    engine = Computed("network", inputs, {"logits": (1, 1, NX, NY)}, compute)
    tables = SegmentDeviceTables(CONFIG, 6, engine, CPU)
    network = WholeNetwork(engine, CONFIG, 6, tables)
    images = torch.randn(6, 3, CONFIG.image_height, CONFIG.image_width)
    for names in (ring.names, ring.names[1:]):
        device_tables(ring, names, tables)
        logits = run(network, images)
        torch.testing.assert_close(logits, expected_logits(model, images, ring, names), atol=1e-4, rtol=1e-4)


def test_an_engine_for_another_number_of_cameras_is_named(ring, plain_kernel):
    camera = Computed("four.engine", {"images": (4, 3, 64, 128)}, {"a": (4, 1), "b": (4, 1)}, dict)
    bev = Computed("bev", {"bev": (1, NX, NY, CHANNELS)}, {"found": (1, 1, NX, NY)}, dict)
    with pytest.raises(RuntimeBackendError, match=r"four\.engine: images is \(4, .* needs \(6,"):
        EncodersNetwork(camera, bev, CONFIG, 6, DeviceTables(CONFIG, 6, CPU))


def test_roomy_tables_hold_the_rig_with_room_to_spare(ring):
    tables = CalibrationTables.of_rig(ring, CONFIG).splat
    sizes = SegmentSizes.roomy(CONFIG, len(ring))
    assert len(tables.cells) < sizes.hits / 1.2
