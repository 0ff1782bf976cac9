"""
A hook of mkdocs: the site has the checkout's paths, so every link stays as it is.

mkdocs reads one folder, ``docs``. Other pages are outside of it, and pages link to code. This
hook adds the pages of `PAGES` and each file that a page links to.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

CHECKOUT = Path(__file__).parents[1]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "clientapp/README.md")
ICON = "feeds/static/feeds/icon.svg"
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add every decision to the end of the navigation, under its own title."""
    assert config.nav is not None
    (explanation,) = [part["Explanation"] for part in config.nav if "Explanation" in part]
    decisions = sorted(Path(config.docs_dir, "decisions").glob("*.md"))
    explanation[-1]["Decisions"] += [path.relative_to(CHECKOUT).as_posix() for path in decisions]
    return config


def on_files(files: Files, /, *, config: MkDocsConfig) -> Files:
    """Return the theme's files, and files of the checkout under their own paths."""
    wanted = {CHECKOUT / page for page in (*PAGES, ICON)}
    wanted |= {path for path in Path(config.docs_dir).rglob("*") if path.is_file()}
    for page in [path for path in wanted if path.suffix == ".md"]:
        links = LINK.findall(page.read_text(encoding="utf-8"))
        wanted |= {path for link in links if (path := (page.parent / link).resolve()).is_file()}
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    for path in sorted(wanted):
        name = path.relative_to(CHECKOUT).as_posix()
        files.append(File(name, str(CHECKOUT), config.site_dir, config.use_directory_urls))
    return files
