"""Makes a link that works on the forge work on the site too.

Pages link to each other and to files of the repository by relative paths. A page outside docs/ (the README,
the changelog, a model card) and any other linked file becomes a part of the site, below `repository/`, and
links are rewritten to it. The README is the site's first page.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs/"
# Pages of the menu that no other page needs to link to.
ENTRANCES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
_FENCE = re.compile(r"^ *(```|~~~)")
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_ELSEWHERE = ("http://", "https://", "mailto:", "#")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages link to outside docs/, and what those pages link to."""
    waiting = [DOCS + file.src_uri for file in files.documentation_pages()] + list(ENTRANCES)
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if not path.startswith(DOCS):
            files.append(_file(path, config))
        if path.endswith(".md"):
            for target in _targets(path):
                if target not in seen:
                    seen.add(target)
                    if not target.startswith(DOCS) or target.endswith(".py"):
                        waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at where their files lie on the site."""
    here = _repository_path(page.file.src_uri)

    def moved(link: str) -> str:
        path, hash_, anchor = link.partition("#")
        target = _resolve(here, path)
        return (
            posixpath.relpath(_site_path(target), posixpath.dirname(page.file.src_uri) or ".")
            + hash_
            + anchor
        )

    return _rewrite(markdown, moved)


def links(markdown: str) -> Iterator[str]:
    """Relative links and images of a page, outside of code blocks."""
    found: list[str] = []

    def note(link: str) -> str:
        found.append(link)
        return link

    _rewrite(markdown, note)
    yield from found


def _rewrite(markdown: str, change: Callable[[str], str]) -> str:
    lines, fenced = [], False
    for line in markdown.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            line = _LINK.sub(
                lambda match: (
                    match[0] if match[2].startswith(_ELSEWHERE) else match[1] + change(match[2]) + match[3]
                ),
                line,
            )
        lines.append(line)
    return "\n".join(lines)


def _targets(path: str) -> Iterator[str]:
    for link in links((ROOT / path).read_text(encoding="utf-8")):
        yield _resolve(path, link.partition("#")[0])


def _resolve(page: str, link: str) -> str:
    """The file of the repository that a page's link means; a folder means its README."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    if (ROOT / target).is_dir():
        target = posixpath.join(target, "README.md")
    if not (ROOT / target).is_file():
        raise PluginError(
            f"{page}: the link {link} leads to no file; correct it, or link to a file of the folder"
        )
    return target


def _site_path(path: str) -> str:
    if path == "README.md":
        return "index.md"
    if path.startswith(DOCS) and not path.endswith(".py"):
        return path.removeprefix(DOCS)
    return f"repository/{path}"


def _repository_path(src_uri: str) -> str:
    if src_uri == "index.md":
        return "README.md"
    if src_uri.startswith("repository/"):
        return src_uri.removeprefix("repository/")
    return DOCS + src_uri


def _file(path: str, config: MkDocsConfig) -> File:
    return File.generated(config, _site_path(path), abs_src_path=str(ROOT / path))
