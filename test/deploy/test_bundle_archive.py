"""No bit of a bundle that changed is taken for what was written, and each is one line."""

from __future__ import annotations

import hashlib
import json
import zipfile

import pytest

from lss_bev_ros.deploy.bundle.runner.archive import FORMAT, MANIFEST, VERSION, Archive, BundleError

CONTENT = b"a model"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "small.lssbundle"
    files = {"models/network.onnx": hashlib.sha256(CONTENT).hexdigest()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, json.dumps({"format": FORMAT, "version": VERSION, "files": files}))
        archive.writestr("models/network.onnx", CONTENT)
    return path.read_bytes()


def refused(path, content):
    """Whether a bundle of these bytes is refused; what it holds is right where it is not."""
    path.write_bytes(content)
    try:
        with Archive(path) as archive:
            for name in archive.manifest["files"]:
                assert archive.read(name) == CONTENT
    except BundleError:
        return True
    return False


def test_changed_bits_and_cuts_are_refused_or_change_nothing(whole, tmp_path):
    count = 0
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        count += refused(tmp_path / "changed.lssbundle", bytes(changed))
    assert count > len(whole) / 2
    for length in range(0, len(whole), 7):
        assert refused(tmp_path / "cut.lssbundle", whole[:length])


def test_a_compression_that_there_is_not_is_damage(whole, tmp_path):
    """It is a NotImplementedError of zipfile."""
    changed = bytearray(whole)
    place = changed.rindex(b"PK\1\2") + 10  # of the second file in the directory
    changed[place] ^= 0x40
    assert refused(tmp_path / "changed.lssbundle", bytes(changed))


@pytest.mark.parametrize("manifest", ["[]", "3", '{"files": []}', "null"])
def test_a_manifest_of_another_form_is_no_bundle(tmp_path, manifest):
    path = tmp_path / "other.lssbundle"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, manifest)
    with pytest.raises(BundleError, match=r"no readable manifest\.json|says it is"):
        Archive(path)
