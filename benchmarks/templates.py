"""Copier templates to measure: this one, and others of trivial files, in git repositories."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

from benchmarks.workshop import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TRIVIAL", "files_of_the_template", "release", "tag"]

TRIVIAL: Final = b'_subdirectory: template\n_templates_suffix: ""\n'
"""The configuration of a template without questions that renders each file, as ours does."""

_PARTS: Final = ("copier.yml", "includes", "template", "CHANGELOG.md", "moves.toml")
_ANYBODY: Final = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")


def files_of_the_template() -> dict[str, bytes]:
    """Return what git tracks of the template, or would track."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *_PARTS)
    paths = {name: ROOT / name for name in filter(None, listed.split("\0"))}
    return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}


def release(folder: Path, files: dict[str, bytes], number: int = 1) -> Path:
    """Write files to a repository, commit and tag them; return the repository.

    Args:
        folder: of the repository, which is created if there is none.
        files: by path; files of an earlier release stay where they are.
        number: of the release.
    """
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for command in (
        ("init", "--quiet"),
        ("add", "--all", "--force"),
        ("commit", "--quiet", "--message", "Release"),
        ("tag", tag(number)),
    ):
        subprocess.run(["git", *_ANYBODY, *command], cwd=folder, check=True)
    return folder


def tag(number: int) -> str:
    """Return the tag of a release."""
    return f"v0.0.{number}"
