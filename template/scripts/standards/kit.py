"""The rule that the kit is unmodified, except for edits with a reason."""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING

from scripts.standards.project import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.standards.project import Project

__all__ = ["digests", "manifest", "recorded_edits"]

KIT = "src/gwkit"
MANIFEST = f"{KIT}/MANIFEST"
REASONS = "gwkit-edits.toml"
WORDS = 3


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
    """Do not edit the kit, or give a reason for the edit in gwkit-edits.toml."""
    lines = [line.split(maxsplit=1) for line in project.text(MANIFEST).splitlines()]
    released = {path: digest for digest, path in lines if (project.root / path).parent.is_dir()}
    found = digests(project.root)
    facts = dict.fromkeys(found.keys() - released.keys(), "the file was added to the kit")
    facts |= dict.fromkeys(released.keys() - found.keys(), "the file of the kit was deleted")
    for path in released.keys() & found.keys():
        if found[path] != released[path]:
            facts[path] = "the file of the kit was edited"
    try:
        reasons = tomllib.loads(project.text(REASONS))
    except tomllib.TOMLDecodeError as exc:
        yield REASONS, WHOLE, f"the file is not valid TOML: {exc}"
        return
    for path in sorted(facts.keys() - reasons.keys()):
        yield path, WHOLE, facts[path]
    for path, reason in reasons.items():
        line = project.line_of(REASONS, f'"{path}"')
        if path not in facts:
            yield REASONS, line, f"`{path}` is unmodified, so no reason is needed"
        elif len(str(reason).split()) < WORDS:
            yield REASONS, line, f"the reason for `{path}` has fewer than {WORDS} words"
