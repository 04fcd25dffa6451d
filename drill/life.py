"""Edits of a rendered service as a team makes them, step by step, with a record of each edit."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["TOKEN", "Life", "live"]

TOKEN: Final = re.compile(r"ours-[0-9]+-edit")
"""What every planted line has, with a number of its own."""

_COMMENTS: Final = {
    **dict.fromkeys((".py", ".toml", ".yml", ".yaml", ".in", ".sh", ".conf"), "# {}"),
    **dict.fromkeys((".md", ".html", ".svg"), "<!-- {} -->"),
    **dict.fromkeys((".css", ".js"), "/* {} */"),
}
_NAMES: Final = dict.fromkeys(("Makefile", "Dockerfile", ".gitignore", ".dockerignore"), "# {}")

_DIFF: Final = (
    *("git", "diff", "--no-index", "--no-color", "--no-ext-diff", "--unified=0"),
    *("--histogram", "--no-indent-heuristic"),
)


@dataclass
class Life:
    """A service with a team's edits.

    Attributes:
        root: Its folder, without a repository.
        theirs: A render of the release to update to.
        owned: The paths that updates merge.
        planted: The path of each planted token.
        touched: Every path that the team changed, removed or added.
        written: Files that must be as they are after the update.
        gone: Files that must not come back.
    """

    root: Path
    theirs: Path
    owned: list[str]
    planted: dict[str, str] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    written: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def text(self, path: str) -> str:
        """Return the text of a file of the service, as it is on the disk."""
        return (self.root / path).read_bytes().decode()

    def write(self, path: str, text: str) -> None:
        """Write a file of the service."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        self.touched.add(path)

    def chosen(self, patterns: list[str], every: int, offset: int = 0) -> list[str]:
        """Return some of the owned files that still exist and match one of the patterns."""
        found = [
            path
            for path in self.owned
            if (self.root / path).is_file() and any(fnmatchcase(path, each) for each in patterns)
        ]
        return found[offset::every]


def live(life: Life, steps: list[Mapping[str, Any]]) -> None:
    """Do the steps of a life, except `folder`, which needs the repository."""
    for step in steps:
        if step["do"] != "folder":
            {
                "plant": _plant,
                "write": _write,
                "append": _append,
                "delete": _delete,
                "rename": _rename,
                "format": _format,
                "crlf": _crlf,
                "mode": _mode,
                "answers": _answers,
            }[step["do"]](life, step)


def _comment(path: str) -> str | None:
    return _NAMES.get(Path(path).name) or _COMMENTS.get(Path(path).suffix)


def _plantable(life: Life) -> list[str]:
    # The pins and the kit's hashes are files that only the template writes.
    return [path for path in life.chosen(["*"], 1) if _comment(path)]


def _plant(life: Life, step: Mapping[str, Any]) -> None:
    for path in _plantable(life)[step["offset"] :: step["every"]]:
        _plant_in(life, path, step["where"])


def _plant_in(life: Life, path: str, where: str) -> None:
    text = life.text(path)
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if (place := _place(life, path, lines, where)) is None:
        return
    token = f"ours-{len(life.planted)}-edit"
    comment = _comment(path)
    assert comment
    old = lines[place : place + 1] if where == "same" else []
    indent = re.match(r"[ \t]*", old[0] if old else "")
    assert indent
    lines[place : place + len(old)] = [f"{indent[0]}{comment.format(token)}{ending}"]
    life.write(path, "".join(lines))
    life.planted[token] = path


def _place(life: Life, path: str, lines: list[str], where: str) -> int | None:
    """Return the line to insert before, or to replace; None if there is no such place.

    A place beside a line that the release changes is that of a conflict, so only "same" takes it.
    """
    file = life.theirs / path
    new = file.read_bytes().decode() if file.is_file() else None
    plain = "".join(lines).replace("\r\n", "\n")
    changes = _changes(plain, plain if new is None else new)
    if where == "same":
        return next((start for start, end in changes if start < end), None)
    blank = [number + 1 for number, line in enumerate(lines) if not line.strip()]
    places = {
        "start": blank,
        "middle": sorted(blank, key=lambda place: abs(place - len(lines) // 2)),
        "end": [len(lines)],
        "near": [end + 2 for _, end in changes if end + 2 <= len(lines)],
    }[where]
    free = (p for p in places if all(p < start - 1 or end + 1 < p for start, end in changes))
    return next(free, None)


@cache
def _changes(old: str, new: str) -> tuple[tuple[int, int], ...]:
    """Return the first and the last line, exclusive, of each change, as a merge by git sees them.

    Where a new block begins and ends like its neighbour, another diff may see it some lines away.
    """
    if old == new:
        return ()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("old", "new")]
        for file, text in zip(files, (old, new), strict=True):
            file.write_bytes(text.encode())
        done = subprocess.run([*_DIFF, *map(str, files)], capture_output=True, check=False)
    found = []
    for first, count in re.findall(rb"^@@ -(\d+)(?:,(\d+))? ", done.stdout, re.MULTILINE):
        lines = int(count or 1)
        start = int(first) - (1 if lines else 0)
        found.append((start, start + lines))
    return tuple(found)


def _write(life: Life, step: Mapping[str, Any]) -> None:
    life.write(step["path"], step["text"])
    life.written[step["path"]] = step["text"]


def _append(life: Life, step: Mapping[str, Any]) -> None:
    for path in step["paths"]:
        if (life.root / path).is_file():
            token = f"ours-{len(life.planted)}-edit"
            life.write(path, f"{life.text(path)}{step['text']}# {token}\n")
            life.planted[token] = path
            return


def _delete(life: Life, step: Mapping[str, Any]) -> None:
    matching = [
        path.relative_to(life.root).as_posix()
        for pattern in step["paths"]
        for path in sorted(life.root.glob(pattern))
        if path.is_file()
    ]
    for path in matching[:: step["every"]]:
        (life.root / path).unlink()
        life.gone.add(path)
        life.touched.add(path)


def _rename(life: Life, step: Mapping[str, Any]) -> None:
    for path in life.chosen(step["paths"], step["every"]):
        if path.endswith("__init__.py"):
            continue
        _plant_in(life, path, "end")
        new = str(Path(path).with_stem(f"{Path(path).stem}_ours"))
        (life.root / path).rename(life.root / new)
        life.touched |= {path, new}
        life.planted |= {token: new for token, place in life.planted.items() if place == path}


def _format(life: Life, step: Mapping[str, Any]) -> None:
    text, count = re.subn(
        r"^line-length = \d+",
        f"line-length = {step['width']}",
        life.text("pyproject.toml"),
        flags=re.MULTILINE,
    )
    assert count == 1
    life.write("pyproject.toml", text)
    before = dict(_sources(life))
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--no-cache", "."]
    subprocess.run(command, cwd=life.root, check=True)
    # A reformatted file is the release's afterwards, in the format of the team.
    assert before != dict(_sources(life))


def _sources(life: Life) -> Iterator[tuple[str, str]]:
    return ((path, life.text(path)) for path in life.chosen(["*.py"], 1))


def _crlf(life: Life, step: Mapping[str, Any]) -> None:
    (life.root / ".gitattributes").unlink()
    life.touched.add(".gitattributes")
    for path in _plantable(life)[:: step["every"]]:
        life.write(path, life.text(path).replace("\n", "\r\n"))


def _mode(life: Life, step: Mapping[str, Any]) -> None:
    for path in step["paths"]:
        (life.root / path).chmod(0o755)
        life.touched.add(path)


def _answers(life: Life, step: Mapping[str, Any]) -> None:
    text = life.text(".copier-answers.yml")
    for name, value in step["change"].items():
        text, count = re.subn(rf"^{name}: .*$", f"{name}: {value}", text, flags=re.MULTILINE)
        assert count == 1
    (life.root / ".copier-answers.yml").write_text(text, encoding="utf-8")
