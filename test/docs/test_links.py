"""Links of every page lead somewhere, as the forge shows them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {"runs", "build", "install", "log", "dist"}
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not (set(path.relative_to(ROOT).parts[:-1]) & SKIPPED)
    and not any(part.startswith(".") and part != ".github" for part in path.relative_to(ROOT).parts)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """What a forge makes of a page's headings."""
    found: Counter[str] = Counter()
    result = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", prose(path), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        result.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return result


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page):
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.relative_to(ROOT)}: {link} leads to no file"
        if target.is_dir():
            # On the site a folder is its README (docs/hooks.py).
            assert (target / "README.md").is_file(), f"{page.relative_to(ROOT)}: link to a file of {link}"
        assert target.is_relative_to(ROOT), f"{page.relative_to(ROOT)}: {link} leaves the repository"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.relative_to(ROOT)}: {link} leads to no heading"


def test_every_page_of_the_documentation_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text()
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = str(page.relative_to(ROOT / "docs"))
        assert re.search(rf"[ ]{re.escape(name)}$", menu, re.MULTILINE), f"{name} is in no menu of mkdocs.yml"


def test_public_modules_have_a_page():
    described = "".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    public = "geometry images model runtime dataset evaluation visualization messages camera_info errors"
    for name in public.split():
        assert f"::: lss_bev_ros.{name}" in described


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_workflows_call_what_there_is(path):
    text = path.read_text()
    assert YAML(typ="safe").load(text)
    targets = set(re.findall(r"^([\w -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {name for line in targets for name in line.split()}
    for name in re.findall(r"\bmake ([\w-]+)", text):
        if path.parent.name == "workflows" and not name.startswith("installs"):
            assert name in known, f"{path.name}: the Makefile has no {name}"


def test_the_citation_is_of_this_version():
    citation = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "version"} <= citation.keys()
    said = subprocess.run(
        [sys.executable, "-c", "import lss_bev_ros; print(lss_bev_ros.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(citation["version"]) == said.stdout.strip()
    assert f"## {citation['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_forms_ask_for_something():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = YAML(typ="safe").load(path.read_text())
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= form.keys(), path.name
            ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
            assert len(ids) == len(set(ids)), json.dumps(ids)
