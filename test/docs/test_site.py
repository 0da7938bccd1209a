"""The documentation builds as a site without a warning: links, anchors, menu, API."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
needs_mkdocs = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason='needs the extra `docs`: pip install -c constraints.txt -e ".[docs]"',
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr + built.stdout
    return out


@needs_mkdocs
def test_the_readme_is_the_first_page(site):
    text = (site / "index.html").read_text()
    assert "lss_bev_ros" in text
    assert 'src="demo.jpg"' in text
    assert (site / "demo.jpg").is_file()


@needs_mkdocs
def test_the_api_is_described_with_arguments_and_results(site):
    text = (site / "api" / "geometry" / "index.html").read_text()
    for name in ("Camera", "Pose", "BevGrid", "Rig", "Box"):
        assert f'id="lss_bev_ros.geometry.{name}' in text
    assert "optical frame" in text
    assert "create_engine" in (site / "api" / "runtime" / "index.html").read_text()
    assert "occupancy_grid" in (site / "api" / "messages" / "index.html").read_text()


@needs_mkdocs
def test_files_of_the_repository_are_part_of_the_site(site):
    assert (site / "repository" / "config" / "lss_bev.yaml").is_file()
    assert (site / "repository" / "CONTRIBUTING" / "index.html").is_file()


@needs_mkdocs
def test_no_page_asks_another_server_for_anything(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?://[^"]+)"', page.read_text()
        )
        assert not loaded, f"{page.relative_to(site)}: {loaded}"
