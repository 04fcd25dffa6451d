"""An older state of the template, made from the current one.

Until there are releases to update from, and for files that no release has changed yet: in the
older state files have remarks that the current ones lack, lack remarks that the current ones have,
prose is worded otherwise, and a file is missing. So an update adds, removes and changes lines and
files, and the older service works. The places keep their distance from what the team edits, so
that every update must end without a conflict.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Final

__all__ = ["NEWCOMER", "age"]

NEWCOMER: Final = "deploy/nginx.conf"
_REMARK: Final = "# An older release said so.\n"
_DISTANCE: Final = 10
_REMARKED: Final = frozenset({".in", ".py", ".sh", ".toml", ".txt", ".yml"})
_REMARKED_NAMES: Final = frozenset({".editorconfig", ".env.example", ".gitignore", "Makefile"})
_PROSE: Final = frozenset({".md"})


def age(template: Path, rendered: dict[str, bytes], edited: dict[str, bytes]) -> list[str]:
    """Make the owned files of a template older, and return the changed paths.

    Args:
        template: The folder to change: the ``template/`` of a scratch repository.
        rendered: The owned files of a fresh render, as an update sees them.
        edited: The same service after the team's edits, for the places to avoid.
    """
    aged = []
    for name, fresh in rendered.items():
        path = Path(name)
        remarked = path.suffix in _REMARKED or path.name in _REMARKED_NAMES
        if name == ".copier-answers.yml" or not (remarked or path.suffix in _PROSE):
            continue
        source = template / name
        current = source.read_text(encoding="utf-8")
        lines = fresh.decode().splitlines(keepends=True)
        ours = edited.get(name, fresh).decode().splitlines(keepends=True)
        text = current
        for line in _places(lines, ours, source=current):
            if not remarked:
                older = line.rstrip("\n") + " (as it was)\n"
            else:
                older = "" if line.lstrip().startswith("# ") else _REMARK + line
            text = text.replace(line, older, 1)
        if text != current:
            source.write_text(text, encoding="utf-8")
            aged.append(name)
    (template / NEWCOMER).unlink()
    return aged


def _places(lines: list[str], ours: list[str], *, source: str) -> list[str]:
    """Choose up to two lines, the middlemost, far from each other and from every edit."""
    matcher = difflib.SequenceMatcher(a=lines, b=ours, autojunk=False)
    taken = [
        place
        for tag, start, end, _, _ in matcher.get_opcodes()
        if tag != "equal"
        for place in (start, end)
    ]
    chosen: list[str] = []
    middle = len(lines) // 2
    for place in sorted(range(1, len(lines)), key=lambda place: abs(place - middle)):
        line, before = lines[place], lines[place - 1]
        unique = source.count(line) == 1 and lines.count(line) == 1
        continued = before.rstrip().endswith("\\") or line.rstrip().endswith("\\")
        templated = any(mark in line for mark in ("[%", "%]", "@{"))
        apart = all(abs(place - other) >= _DISTANCE for other in taken)
        if line.strip() and unique and apart and not (continued or templated):
            chosen.append(line)
            taken.append(place)
            if len(chosen) == 2:
                break
    return chosen
