"""Run the published Lift-Splat-Shoot on a synthetic keyframe and keep what it gives, stage by stage.

python test/golden/make.py CLONE [--root DATAROOT]

CLONE is a checkout of https://github.com/nv-tlabs/lift-splat-shoot. README.md names what must be installed.
With --root the first keyframe of a data root takes the place of the synthetic one; its images are not kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from weights import drawn

HERE = Path(__file__).resolve().parent
CHANNELS = ["CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT"]
GRID = {"xbound": [-50, 50, 0.5], "ybound": [-50, 50, 0.5], "zbound": [-10, 10, 20], "dbound": [4, 45, 1]}
IMAGES = {"H": 900, "W": 1600, "final_dim": (128, 352), "bot_pct_lim": (0.0, 0.22), "cams": CHANNELS}


def street(folder: Path) -> Path:
    """A synthetic keyframe as a data root whose images are small enough to keep."""
    from lss_bev_ros.synthetic import synthesize

    root = synthesize(folder / "street", scenes=1, seconds=1.0, seed=8)
    for path in sorted(root.glob("samples/CAM_*/*.jpg")):
        Image.open(path).convert("RGB").save(path, quality=60, optimize=True)
    return root


def published_model() -> torch.nn.Module:
    """The authors' network with the drawn weights; EfficientNet's own would come from the network."""
    from efficientnet_pytorch import EfficientNet
    from src.models import compile_model

    EfficientNet.from_pretrained = EfficientNet.from_name
    model = compile_model(GRID, IMAGES, outC=1).eval()
    model.load_state_dict(drawn(model.state_dict()))
    return model


def boxes_of(nusc, sample) -> dict[str, np.ndarray]:
    """Annotations in base_link at the LiDAR's stamp: centre, size (width, length, height), quaternion."""
    from pyquaternion import Quaternion

    lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    ego = nusc.get("ego_pose", lidar["ego_pose_token"])
    turn = Quaternion(ego["rotation"]).inverse
    rows = [nusc.get("sample_annotation", token) for token in sample["anns"]]
    return {
        "box_categories": np.array([row["category_name"] for row in rows]),
        "box_centers": np.array(
            [turn.rotate(np.subtract(row["translation"], ego["translation"])) for row in rows]
        ),
        "box_sizes": np.array([row["size"] for row in rows]),
        "box_rotations": np.array([(turn * Quaternion(row["rotation"])).elements for row in rows]),
    }


def main() -> None:
    """Write golden.npz, state_dict.json and, of the synthetic keyframe, its six images."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("clone", type=Path)
    arguments.add_argument("--root", type=Path)
    arguments.add_argument("--out", type=Path, default=HERE)
    given = arguments.parse_args()
    sys.path.insert(0, str(given.clone))
    from nuscenes.nuscenes import NuScenes
    from src.data import SegmentationData
    from src.tools import gen_dx_bx

    with tempfile.TemporaryDirectory() as folder:
        root = given.root or street(Path(folder))
        nusc = NuScenes("v1.0-mini", str(root), verbose=False)
        sample = nusc.sample[0]
        data = object.__new__(SegmentationData)  # its constructor knows the scenes of nuScenes only
        data.nusc, data.is_train, data.data_aug_conf = nusc, False, IMAGES
        data.dx, data.bx, data.nx = (part.numpy() for part in gen_dx_bx(*list(GRID.values())[:3]))
        images, *calibration = (part[None] for part in data.get_image_data(sample, CHANNELS))
        raster = data.get_binimg(sample)[0].numpy() > 0
        given.out.mkdir(parents=True, exist_ok=True)
        if not given.root:
            for channel in CHANNELS:
                path = Path(nusc.get_sample_data_path(sample["data"][channel]))
                (given.out / f"{channel.lower()}.jpg").write_bytes(path.read_bytes())
        boxes = boxes_of(nusc, sample)

    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    pixels = ((images[0] * std + mean) * 255).round().to(torch.uint8)
    model = published_model()
    with torch.inference_mode():
        geometry = model.get_geometry(*calibration)
        depth, _ = model.camencode.get_depth_feat(images[0])
        bev = model.get_voxels(images, *calibration)
        logits = model.bevencode(bev)
    state = {
        name: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")]
        for name, tensor in model.state_dict().items()
    }
    (given.out / "state_dict.json").write_text(json.dumps(state, indent=0) + "\n")
    names = ("rotations", "translations", "intrinsics", "post_rotations", "post_translations")
    np.savez_compressed(
        given.out / "golden.npz",
        images=pixels.numpy(),
        **{name: part[0].numpy() for name, part in zip(names, calibration, strict=True)},
        geometry=geometry[0].numpy(),
        depth=depth.numpy().astype(np.float16),
        bev_occupied=(bev[0] != 0).any(0).numpy(),
        bev_channel_0=bev[0, 0].numpy(),
        bev_channel_sums=bev[0].sum((1, 2)).numpy(),
        logits=logits[0, 0].numpy(),
        vehicle_raster=raster,
        **boxes,
    )


if __name__ == "__main__":
    main()
