"""The thirteen tables of nuScenes v1.0 (schema: nuscenes-devkit, docs/schema_nuscenes.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..dataset.table_rows import TABLES, lens_fields, pose_fields, token, write_tables
from ..dataset.voxels import OCC3D_FILE
from .recording import ANNOTATED_RANGE, Observation, RecordedFile, WorldRecorder
from .sensors import KEYFRAME_PERIOD
from .taxonomy import ATTRIBUTES, CATEGORIES, VISIBILITIES, visibility_level

_SHARED = ("attribute", "category", "sensor", "visibility")
"""Tables of which every scene has the same rows."""

_OCC3D_TABLES = ("scene", "sample", "ego_pose", "calibrated_sensor")

FUTURE = 6_000_000
"""Microseconds that nuScenes' prediction task looks ahead."""


def sample_token(seed: int, scene: str, micros: int) -> str:
    """The token of the sample so many microseconds after the start of a scene."""
    return token(token(seed, scene), "sample", micros)


class TableWriter:
    """Collects the rows of a data set and writes them.

    Args:
        seed: of the data set; all tokens depend on it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rows: dict[str, list[dict]] = {name: [] for name in TABLES}
        for name, description in CATEGORIES.items():
            self._rows["category"].append(
                {"token": token("category", name), "name": name, "description": description}
            )
        for name, description in ATTRIBUTES.items():
            self._rows["attribute"].append(
                {"token": token("attribute", name), "name": name, "description": description}
            )
        for level, name in VISIBILITIES:
            description = f"{name[1:]} % of the object's pixels are seen over all cameras"
            self._rows["visibility"].append({"description": description, "token": level, "level": name})

    def add_scene(
        self,
        name: str,
        description: str,
        log: str,
        recording: WorldRecorder,
        observations: list[Observation],
        mask: str,
        location: str,
    ) -> None:
        """Add everything about one scene.

        Args:
            name: such as scene-0001.
            description: a few words.
            log: name of the log, the prefix of file names.
            recording: that made it.
            observations: of every instant, in order.
            mask: map picture, relative to the data set.
            location: name of the street map; every scene has its own.
        """
        scene, log_token = token(self._seed, name), token(self._seed, name, "log")
        keys = [o for o in observations if o.instant.is_key]
        samples = [sample_token(self._seed, name, o.instant.micros) for o in keys]
        self._rows["log"].append(
            {
                "token": log_token, "logfile": log, "vehicle": "synthetic", "date_captured": "2020-06-01",
                "location": location,
            }
        )  # fmt: skip
        self._rows["map"].append(
            {
                "category": "semantic_prior",
                "token": token(scene, "map"),
                "filename": mask,
                "log_tokens": [log_token],
            }
        )
        self._rows["scene"].append(
            {
                "token": scene, "log_token": log_token, "nbr_samples": len(samples),
                "first_sample_token": samples[0],
                "last_sample_token": samples[-1], "name": name, "description": description,
            }
        )  # fmt: skip
        for k, observation in enumerate(keys):
            self._rows["sample"].append(
                {
                    "token": samples[k], "timestamp": recording.epoch + observation.instant.micros,
                    "prev": samples[k - 1] if k else "",
                    "next": samples[k + 1] if k + 1 < len(samples) else "",
                    "scene_token": scene,
                }
            )  # fmt: skip
        calibrations = self._add_sensors(scene, recording)
        self._add_data(scene, recording, observations, samples, calibrations)
        self._add_annotations(scene, recording, keys, samples)

    def extend(self, later: TableWriter) -> None:
        """Add all scenes of another writer of the same data set."""
        for name, rows in later._rows.items():
            known = {row["token"] for row in self._rows[name]} if name in _SHARED else ()
            self._rows[name] += [row for row in rows if row["token"] not in known]

    def _add_sensors(self, scene: str, recording: WorldRecorder) -> dict[str, str]:
        calibrations = {}
        known = {row["channel"] for row in self._rows["sensor"]}
        for mount in (*recording.cameras, recording.lidar):
            channel, lidar = mount.channel, mount.lens is None
            if channel not in known:
                modality = "lidar" if lidar else "camera"
                self._rows["sensor"].append(
                    {"token": token("sensor", channel), "channel": channel, "modality": modality}
                )
            calibrations[channel] = token(scene, "calibration", channel)
            self._rows["calibrated_sensor"].append(
                {
                    "token": calibrations[channel], "sensor_token": token("sensor", channel),
                    **pose_fields(mount.pose),
                    "camera_intrinsic": [] if lidar else mount.scaled(recording.scale).intrinsics.tolist(),
                    **lens_fields(recording.lenses.get(channel)),
                }
            )  # fmt: skip
        return calibrations

    def _add_data(self, scene: str, recording: WorldRecorder, observations, samples, calibrations) -> None:
        times = np.array([o.instant.micros for o in observations if o.instant.is_key])
        chains: dict[str, list[tuple[RecordedFile, str]]] = {channel: [] for channel in calibrations}
        for observation in observations:
            # A sweep belongs to the sample that follows it.
            sample = samples[int(np.searchsorted(times, observation.instant.micros))]
            for shot in observation.shots:
                chains[shot.channel].append((shot, sample))
        for channel, chain in chains.items():
            tokens = [token(scene, channel, shot.micros) for shot, _ in chain]
            for k, (shot, sample) in enumerate(chain):
                stamp = recording.epoch + shot.micros
                ego = recording.world.ego_pose(shot.micros * 1e-6)
                self._rows["ego_pose"].append({"token": tokens[k], "timestamp": stamp, **pose_fields(ego)})
                self._rows["sample_data"].append(
                    {
                        "token": tokens[k], "sample_token": sample, "ego_pose_token": tokens[k],
                        "calibrated_sensor_token": calibrations[channel], "timestamp": stamp,
                        "fileformat": "jpg" if shot.size[0] else "pcd", "is_key_frame": shot.is_key,
                        "height": shot.size[1], "width": shot.size[0], "filename": shot.filename,
                        "prev": tokens[k - 1] if k else "",
                        "next": tokens[k + 1] if k + 1 < len(tokens) else "",
                    }
                )  # fmt: skip

    def _add_annotations(
        self, scene: str, recording: WorldRecorder, keys: list[Observation], samples: list[str]
    ) -> None:
        """Annotate every object from the first to the last keyframe in which the LiDAR hits it within range.

        In between it is annotated even where it is hidden, with visibility 1 and no points, as nuScenes
        does; an object that is never hit is not annotated at all.
        """
        world = recording.world
        for actor in world.actors:
            hit = [k for k, key in enumerate(keys) if key.lidar_points.get(actor.number, 0) > 0]
            if not hit:
                continue
            inside = [k for k in range(hit[0], hit[-1] + 1) if self._in_range(world, actor, keys[k])]
            instance = token(scene, "instance", actor.number)
            tokens = [token(instance, k) for k in inside]
            self._rows["instance"].append(
                {
                    "token": instance, "category_token": token("category", actor.category),
                    "nbr_annotations": len(tokens), "first_annotation_token": tokens[0],
                    "last_annotation_token": tokens[-1],
                }
            )  # fmt: skip
            for n, k in enumerate(inside):
                time = keys[k].instant.micros * 1e-6
                box, attribute = actor.box(time), actor.attribute(time)
                length, width, height = (float(v) for v in box.size)
                level = visibility_level(*keys[k].samples_of(actor.number))
                self._rows["sample_annotation"].append(
                    {
                        "token": tokens[n], "sample_token": samples[k], "instance_token": instance,
                        "visibility_token": str(level),
                        "attribute_tokens": [token("attribute", attribute)] if attribute else [],
                        **pose_fields(box.pose), "size": [width, length, height],
                        "prev": tokens[n - 1] if n else "",
                        "next": tokens[n + 1] if n + 1 < len(tokens) else "",
                        "num_lidar_pts": keys[k].lidar_points.get(actor.number, 0), "num_radar_pts": 0,
                    }
                )  # fmt: skip

    @staticmethod
    def _in_range(world, actor, key: Observation) -> bool:
        time = key.instant.micros * 1e-6
        offset = actor.pose(time).translation - world.ego_pose(time).translation
        return float(np.hypot(offset[0], offset[1])) < ANNOTATED_RANGE

    def prediction_scenes(self) -> dict[str, list[str]]:
        """Whose future is to be predicted and when, by scene: `<instance>_<sample>`, as nuScenes has it.

        Vehicles that are not parked, annotated right before and in every keyframe of `FUTURE` to come.
        """
        annotations = {row["token"]: row for row in self._rows["sample_annotation"]}
        samples = {row["token"]: row for row in self._rows["sample"]}
        names = {row["token"]: row["name"] for row in self._rows["scene"]}
        categories = {row["token"]: row["name"] for row in self._rows["category"]}
        kinds = {row["token"]: categories[row["category_token"]] for row in self._rows["instance"]}
        still = {token("attribute", name) for name in ("vehicle.parked", "cycle.without_rider")}
        wanted: dict[str, list[str]] = {name: [] for name in names.values()}
        for row in self._rows["sample_annotation"]:
            moves = kinds[row["instance_token"]].startswith("vehicle.")
            if not moves or still & set(row["attribute_tokens"]):
                continue
            stamp = samples[row["sample_token"]]["timestamp"]
            before: dict | None = annotations.get(row["prev"])
            after: dict | None = row
            for _ in range(FUTURE // KEYFRAME_PERIOD):
                after = annotations.get(after["next"]) if after else None
            if before is None or after is None:
                continue
            since = stamp - samples[before["sample_token"]]["timestamp"]
            if since == KEYFRAME_PERIOD and samples[after["sample_token"]]["timestamp"] - stamp == FUTURE:
                scene = names[samples[row["sample_token"]]["scene_token"]]
                wanted[scene].append(f"{row['instance_token']}_{row['sample_token']}")
        return wanted

    def occ3d_annotations(self) -> dict[str, object]:
        """`annotations.json` of Occ3D-nuScenes: where labels and pictures of each sample are, by scene.

        Paths begin at the data set's folder. All scenes are for validation, as synthetic sets are for tests.
        """
        tokens = {name: {row["token"]: row for row in self._rows[name]} for name in _OCC3D_TABLES}

        def pose(table: str, which: str) -> dict:
            return {field: tokens[table][which][field] for field in ("translation", "rotation")}

        infos: dict[str, dict] = {row["name"]: {} for row in self._rows["scene"]}
        for row in self._rows["sample"]:
            scene = tokens["scene"][row["scene_token"]]["name"]
            infos[scene][row["token"]] = {
                "timestamp": str(row["timestamp"]), "camera_sensor": {}, "ego_pose": None,
                "gt_path": f"gts/{scene}/{row['token']}/{OCC3D_FILE}",
                "prev": row["prev"], "next": row["next"],
            }  # fmt: skip
        for row in self._rows["sample_data"]:
            if not row["is_key_frame"]:
                continue
            info = infos[tokens["scene"][tokens["sample"][row["sample_token"]]["scene_token"]]["name"]]
            ego = pose("ego_pose", row["ego_pose_token"])
            if row["fileformat"] == "pcd":
                info[row["sample_token"]]["ego_pose"] = ego
                continue
            calibration = row["calibrated_sensor_token"]
            info[row["sample_token"]]["camera_sensor"][row["token"]] = {
                "img_path": row["filename"], "ego_pose": ego,
                "intrinsic": tokens["calibrated_sensor"][calibration]["camera_intrinsic"],
                "extrinsic": pose("calibrated_sensor", calibration),
            }  # fmt: skip
        return {"train_split": [], "val_split": list(infos), "scene_infos": infos}

    def write(self, folder: Path) -> None:
        """Write all tables as JSON files."""
        write_tables(folder, self._rows)
