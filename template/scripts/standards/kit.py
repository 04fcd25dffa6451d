"""The rule that the kit is unmodified."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from scripts.standards.project import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.standards.project import Project

__all__ = ["digests", "manifest", "recorded_edits"]

KIT = "src/gwkit"
MANIFEST = f"{KIT}/MANIFEST"
FORMER = "gwkit-edits.toml"


def digests(root: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of the kit by its path, independent of line endings."""
    return {
        path: hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
        for file in sorted((root / KIT).rglob("*"))
        if file.is_file() and file.suffix != ".pyc" and not file.name.startswith(".")
        if (path := file.relative_to(root).as_posix()) != MANIFEST
    }


def manifest(root: Path) -> str:
    """Return the text of the manifest, which `sha256sum --check` can read."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests(root).items()))


def recorded_edits(project: Project) -> Iterator[tuple[str, int, str]]:
    """Do not edit the kit, or give the reason in an entry of exceptions.toml, by code and path."""
    lines = [line.split(maxsplit=1) for line in project.text(MANIFEST).splitlines()]
    released = {path: digest for digest, path in lines if (project.root / path).parent.is_dir()}
    found = digests(project.root)
    for path in sorted(found.keys() - released.keys()):
        yield path, WHOLE, "the file was added to the kit"
    for path in sorted(released.keys() - found.keys()):
        yield path, WHOLE, "the file of the kit was deleted"
    for path in sorted(released.keys() & found.keys()):
        if found[path] != released[path]:
            yield path, WHOLE, "the file of the kit was edited"
    if re.search('^"', project.text(FORMER), re.MULTILINE):
        line = project.line_of(FORMER, '"')
        yield FORMER, line, "the file is not read any more: move its reasons, then delete it"
