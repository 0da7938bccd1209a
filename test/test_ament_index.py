"""The package's own files are found in a checkout and where pip puts them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from lss_bev_ros.ament_prefix import offer_package
from pipros import OVERLAY, activate

if not activate():
    offer_package()  # what lss-bev does beside a real ROS 2

ROOT = Path(__file__).resolve().parents[1]


def test_the_checkout_is_the_share_directory() -> None:
    if not (ROOT / "package.xml").is_file():
        pytest.skip("not a checkout")

    assert (Path(get_package_share_directory("lss_bev_ros")) / "launch").is_dir()


def test_an_installed_package_is_found_below_the_environment(tmp_path: Path) -> None:
    share = tmp_path / "share" / "some_package"
    share.mkdir(parents=True)
    (share / "package.xml").touch()
    code = (
        "import sys; sys.prefix = sys.argv[1]\n"
        "from ament_index_python.packages import get_package_share_directory as share\n"
        "print(share('some_package'))"
    )

    output = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={"PYTHONPATH": f"{OVERLAY}:{ROOT}:{ROOT / 'pipros' / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert output.strip() == str(share)


def test_an_unknown_package_is_named() -> None:
    with pytest.raises(PackageNotFoundError, match="no_such_package"):
        get_package_share_directory("no_such_package")
