"""The releases in this repository's history, with or without their tags.

A release is the commit that sets the version in `pyproject.toml` and dates its entry in the
changelog: the last commit that touched the heading of the entry.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from typing import TYPE_CHECKING, Final

from harness.answers import ROOT
from harness.commands import git
from harness.rendering import TemplateRepository, commit_all

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["NEXT", "changelog", "released", "with_history"]

NEXT: Final = "v999.0.0"
"""The tag of the working tree's template, which every release may be updated to."""

_HEADING: Final = re.compile(r"^## \[(\d[^\]]*)\]", re.MULTILINE)


def changelog() -> list[str]:
    """Return the versions that the changelog has entries for, the newest first."""
    return _HEADING.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


def released() -> Mapping[str, str]:
    """Return the commit of each release by its version; an unreleased version has none."""
    commits: dict[str, str] = {}
    for version in changelog():
        heading = rf"-G^## \[{re.escape(version)}\]"
        commit = git(ROOT, "log", "-1", "--format=%H", heading, "--", "CHANGELOG.md").strip()
        if commit and version == _version(commit):
            commits[version] = commit
    return commits


def _version(commit: str) -> str:
    project = tomllib.loads(git(ROOT, "show", f"{commit}:pyproject.toml"))["project"]
    return str(project["version"])


def with_history(root: Path) -> TemplateRepository:
    """Clone this repository with a tag for each release, and the working tree as `NEXT`.

    Args:
        root: An empty folder.
    """
    git(root.parent, "clone", "--quiet", "--no-tags", str(ROOT), str(root))
    for version, commit in released().items():
        git(root, "tag", f"v{version}", commit)
    shutil.rmtree(root / "template")
    repository = TemplateRepository.of_working_tree(root)
    commit_all(root, "The working tree")
    git(root, "tag", NEXT)
    return repository
