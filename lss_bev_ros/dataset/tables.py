"""The tables of nuScenes, loaded by nuscenes-devkit and checked on the way.

The devkit answers a damaged table with a bare KeyError or AssertionError from deep inside. Here every
record is checked as it is loaded, in the same pass, so that the error names the file and the field.

Importing this module imports the devkit, and with it matplotlib, scikit-learn and shapely (about 125 MB
of memory). `index.build_index` therefore does so in a process of its own.
"""

from __future__ import annotations

from pathlib import Path

from nuscenes.nuscenes import NuScenes

from ..errors import DatasetError
from .records import REMEDY, load_records

# The fields that the devkit or this package reads; the schema of nuScenes has more
# (nuscenes-devkit, docs/schema_nuscenes.md).
FIELDS: dict[str, frozenset[str]] = {
    table: frozenset(fields.split())
    for table, fields in {
        "category": "token name",
        "attribute": "token",
        "visibility": "token",
        "instance": "token category_token",
        "sensor": "token channel modality",
        "calibrated_sensor": "token sensor_token translation rotation camera_intrinsic",
        "ego_pose": "token translation rotation",
        "log": "token",
        "scene": "token name",
        "sample": "token timestamp scene_token",
        "sample_data": "token sample_token ego_pose_token calibrated_sensor_token timestamp is_key_frame "
        "width height filename",
        "sample_annotation": "token sample_token instance_token visibility_token translation size rotation "
        "prev next num_lidar_pts",
        "map": "token log_tokens filename",
    }.items()
}

# Field to the table that its token is of.
REFERENCES: dict[str, dict[str, str]] = {
    "instance": {"category_token": "category"},
    "calibrated_sensor": {"sensor_token": "sensor"},
    "sample": {"scene_token": "scene"},
    "sample_data": {
        "sample_token": "sample",
        "ego_pose_token": "ego_pose",
        "calibrated_sensor_token": "calibrated_sensor",
    },
    "sample_annotation": {
        "sample_token": "sample",
        "instance_token": "instance",
        "prev": "sample_annotation",
        "next": "sample_annotation",
    },
}
_MAY_BE_EMPTY = frozenset({"prev", "next"})


def open_tables(dataroot: Path, version: str) -> NuScenes:
    """Load all tables of a version.

    Raises DatasetError naming the table and the field where one is missing, broken or inconsistent.
    """
    try:
        return _CheckedNuScenes(version=version, dataroot=str(dataroot), verbose=False)
    except (AssertionError, KeyError, LookupError, OSError, TypeError) as error:
        # What the devkit itself still finds wrong, such as lidarseg labels that do not match their table.
        raise DatasetError(
            f"{dataroot / version}: nuscenes-devkit cannot load it ({error!r}); {REMEDY}"
        ) from error


class _CheckedNuScenes(NuScenes):
    """The devkit's NuScenes, with every table checked before it is used."""

    def __load_table__(self, table_name: str) -> list[dict]:
        if table_name == "image_annotations":
            return []  # large, and nothing here reads it
        path = Path(self.table_root) / f"{table_name}.json"
        records = load_records(path, FIELDS.get(table_name, frozenset({"token"})))
        if table_name == "map":
            _check_masks(path, records, Path(self.dataroot))
        return records

    def __make_reverse_index__(self, verbose: bool) -> None:
        tokens = {
            table: {record["token"] for record in getattr(self, table)}
            for table in {target for fields in REFERENCES.values() for target in fields.values()}
        }
        root = Path(self.table_root)
        for table, fields in REFERENCES.items():
            for field, target in fields.items():
                known = tokens[target]
                for number, record in enumerate(getattr(self, table)):
                    token = record[field]
                    if token not in known and not (token == "" and field in _MAY_BE_EMPTY):
                        raise DatasetError(
                            f"{root / table}.json: record {number} has {field} {token!r}, which is not in "
                            f"{target}.json; {REMEDY}"
                        )
        mapped = {token for record in self.map for token in record["log_tokens"]}
        for record in self.log:
            if record["token"] not in mapped:
                raise DatasetError(
                    f"{root / 'map'}.json: no record lists log {record['token']!r} in log_tokens; {REMEDY}"
                )
        super().__make_reverse_index__(verbose)


def _check_masks(path: Path, records: list[dict], dataroot: Path) -> None:
    if not records:
        raise DatasetError(f"{path}: table is empty; {REMEDY}")
    for record in records:
        mask = dataroot / record["filename"]
        if not mask.is_file():
            raise DatasetError(f"{mask}: map mask that map.json names is missing; {REMEDY}")
