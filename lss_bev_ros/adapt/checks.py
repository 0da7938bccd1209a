"""Whether a drive can teach anything, asked before anything is learned from it."""

from __future__ import annotations

import cv2
import numpy as np

from .. import images
from ..dataset import Keyframe, NuScenesReader
from ..doctor import ERROR, CameraRecord, Cloud, LidarRecord, Problem, Recording, Shot
from ..doctor.examination import examine_calibration
from ..errors import DatasetError, ModelError, PictureError, TrainingError
from ..geometry.returns import returned
from ..model.multi_sense import MultiSense
from .passages import LATEST, Drive, standing
from .recipe import LEAST_SECONDS

_LOOKED_AT = 12
"""Moments of a drive that the doctor looks at."""

_WIDTH = 350
"""Least width of the pictures that are compared, pixels."""

_STANDING = 0.8
"""Share of a drive in which the car may stand."""

_LEAST_METRES = 200.0

_MISSING = 1.2
"""Seconds by which keyframes span less than the recording that they are of, at most."""


def check_network(model: MultiSense, weights: str) -> None:
    """Raise ModelError where a network cannot be adapted: it needs both senses, and says what is where."""
    for name, there in (("cameras", model.config.senses), ("lidar", model.config.senses)):
        if name not in there:
            raise ModelError(
                f"weights {weights} have no {name}: the LiDAR teaches the cameras, so give weights that have "
                f"both, such as builtin-multi"
            )
    if "segmentation" not in model.config.heads:
        raise ModelError(f"weights {weights} have no segmentation, which is what the cameras are taught")


def check_drive(drive: Drive, dataroot: object) -> None:
    """Refuse a drive that is too short, or in which the car stands.

    Raises:
        TrainingError: with the reason and the remedy.
    """
    if drive.span >= LEAST_SECONDS - _MISSING > drive.seconds:
        raise TrainingError(
            f"{dataroot}: in {drive.span:.0f} s there are {len(drive)} keyframes with a scan, mostly more "
            f"than {LATEST:g} s apart, which teach nothing together: record every scan"
        )
    if drive.seconds < LEAST_SECONDS - _MISSING:
        raise TrainingError(
            f"{dataroot}: {drive.seconds:.0f} s of driving, at least {LEAST_SECONDS:.0f} are needed: record "
            f"a longer drive, best of ten minutes"
        )
    still = standing([frame.ego for frame in drive.keyframes])
    if still > _STANDING or drive.metres < _LEAST_METRES:
        raise TrainingError(
            f"{dataroot}: the car stands in {100 * still:.0f} % of it and drives {drive.metres:.0f} m; "
            f"at least {_LEAST_METRES:.0f} m are needed: record a drive through streets, with odometry"
        )


def check_calibration(reader: NuScenesReader) -> list[Problem]:
    """What the doctor says of how sensors are mounted and calibrated, warnings only.

    Raises:
        TrainingError: something is wrong: a network that is taught by it learns it.
    """
    problems = examine_calibration(recording_of(reader)).problems
    wrong = [problem for problem in problems if problem.level == ERROR]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise TrainingError(
            f"{reader.dataroot}: the calibration is wrong, and the cameras would learn it: {wrong[0]}{more}; "
            f"`lss-bev doctor --bag` shows everything"
        )
    return list(problems)


def recording_of(reader: NuScenesReader, moments: int = _LOOKED_AT) -> Recording:
    """A few moments of a data set, as the doctor examines them."""
    frames = [
        frame for scene in reader.scenes for frame in reader.keyframes(scene) if frame.lidar is not None
    ]
    places = np.unique(np.linspace(0, max(len(frames) - 1, 0), min(moments, len(frames))).round().astype(int))
    chosen = [frames[place] for place in places]
    shots: dict[str, list[Shot]] = {}
    clouds: list[Cloud] = []
    ego = {}
    for frame in chosen:
        assert frame.lidar is not None
        try:
            points = frame.lidar.points()
        except DatasetError:
            continue
        kept = points[returned(points), :3]
        clouds.append(Cloud(frame.stamp, kept, len(points) - len(kept)))
        ego[frame.stamp] = frame.ego
        for name, shot in frame.cameras.items():
            shots.setdefault(name, []).append(_shot(frame, name))
            ego[shot.stamp] = shot.ego
    records = []
    for camera in chosen[0].rig.cameras if chosen else ():
        records.append(
            CameraRecord(
                camera.name,
                image_topic=camera.name,
                info_topic=camera.name,
                frame=camera.name,
                camera=camera,
                mounted=True,
                mount=camera.pose,
                told=(camera.width, camera.height),
                model=camera.lens.model,
                bent=not camera.lens.is_pinhole,
                shots=tuple(shots.get(camera.name, ())),
            )
        )
    lidar = chosen[0].lidar if chosen else None
    fields = tuple((name, "float32") for name in ("x", "y", "z", "intensity"))
    stamps = np.array(sorted(ego), np.int64)
    return Recording(
        source=str(reader.dataroot),
        topics={},
        cameras=tuple(records),
        lidars=()
        if lidar is None
        else (LidarRecord(lidar.name, lidar.name, fields, lidar.pose, tuple(clouds)),),
        start=int(stamps[0]) if len(stamps) else 0,
        end=int(stamps[-1]) if len(stamps) else 0,
        expected=tuple(record.name for record in records),
        ego=(stamps, tuple(ego[int(stamp)] for stamp in stamps)),
    )


def _shot(frame: Keyframe, name: str) -> Shot:
    shot = frame.cameras[name]
    try:
        encoded = shot.encoded()
        header = images.inspect(encoded)
        drawn = images.preview(encoded, _WIDTH)
        if drawn is None:
            drawn = images.decode(encoded, header)
    except (DatasetError, PictureError) as error:
        return Shot(shot.stamp, "damaged", problem=str(error))
    gray = cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY)
    factor = gray.shape[1] // _WIDTH
    if factor > 1:
        size = gray.shape[1] // factor, gray.shape[0] // factor
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return Shot(shot.stamp, header.kind.lower(), header.width, header.height, gray)
