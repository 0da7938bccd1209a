"""One keyframe of a data set: a grid in three lines, then a picture with scores, then every step by hand.

lss-bev synthesize street --scenes 1 --seconds 2        # or a nuScenes root
python examples/predict_nuscenes.py street
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lss_bev_ros.dataset import Keyframe, NuScenesReader
from lss_bev_ros.evaluation import Evaluator
from lss_bev_ros.model import IMAGE_MEAN, IMAGE_STD, Calibration, build_model
from lss_bev_ros.runtime import FrameSet, Prediction, create_engine
from lss_bev_ros.runtime.image_decoder import decode_image
from lss_bev_ros.runtime.preprocess import resize_and_crop
from lss_bev_ros.visualization.sheet import frame_sheet


def three_lines(keyframe: Keyframe) -> Prediction:
    """A grid: the engine reads the files, resizes them, runs the network and knows what no camera sees."""
    images = {name: shot.encoded() for name, shot in keyframe.cameras.items()}
    engine = create_engine()  # weights="model525000.pt" for real streets
    return engine.infer(FrameSet(keyframe.stamp, keyframe.rig, images))


def picture_and_scores(keyframe: Keyframe, prediction: Prediction, out: Path) -> dict[str, float]:
    """A picture of the frame, and its scores against the annotations and the LiDAR scan."""
    lidar = keyframe.lidar
    points = lidar.pose.apply(lidar.points()[:, :3])
    evaluator = Evaluator(prediction.grid)
    score = evaluator.update(
        prediction.stamp, prediction.occupancy, boxes=keyframe.boxes, scan=(points, lidar.pose.translation)
    )
    images = {name: shot.encoded() for name, shot in keyframe.cameras.items()}
    sheet = frame_sheet(
        images,
        prediction.occupancy,
        prediction.grid,
        score.lidar,
        title=keyframe.scene,
        metrics=score.metrics,
    )
    Image.fromarray(sheet).save(out)
    return score.metrics


def full_control(keyframe: Keyframe) -> np.ndarray:
    """The logits again, step by step: what is in the paper, with its names."""
    model = build_model("builtin")
    cameras = [keyframe.rig[name] for name in keyframe.cameras]
    pixels = [decode_image(camera, keyframe.cameras[camera.name].encoded()) for camera in cameras]
    images = np.stack([resize_and_crop(image, model.config) for image in pixels])
    images = (images / 255.0 - IMAGE_MEAN) / IMAGE_STD  # (N, 128, 352, 3)
    images = torch.from_numpy(images).float().permute(0, 3, 1, 2)
    calibration = Calibration.of_rig(keyframe.rig.subset(keyframe.cameras), model.config)
    calibration = Calibration(*(tensor[None] for tensor in vars(calibration).values()))  # a batch of one
    with torch.inference_mode():
        depth, features = model.camencode(images)  # lift: (N, 41, 8, 22), (N, 64, 8, 22)
        cells = model.cells(calibration)  # the cell of every point of the frustums
        bev = model.voxel_pooling(depth, features, cells)  # splat: (1, 64, 200, 200)
        return model.bevencode(bev)[0, 0].numpy()


def main(dataroot: str, out: str = "frame.png") -> None:
    """Walk up the ladder."""
    reader = NuScenesReader(dataroot)
    keyframe = next(reader.keyframes(reader.scenes[0]))
    prediction = three_lines(keyframe)
    print(f"{(prediction.occupancy >= 50).sum()} cells are vehicle, in {prediction.timings['total']:.0f} ms")
    for name, value in picture_and_scores(keyframe, prediction, Path(out)).items():
        print(f"{name:24} {value:.3f}")
    alike = ((full_control(keyframe) >= 0) == (prediction.logits >= 0)).mean()
    print(f"by hand, in float32, {alike:.3%} of the cells come out alike; the picture is {out}")


if __name__ == "__main__":
    main(*sys.argv[1:])
