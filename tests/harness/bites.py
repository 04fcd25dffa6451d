"""What `tests/bites.toml` plants in a service: violations of practices, and near misses."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from harness.answers import ROOT
from harness.weakening import apply

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BITES", "NEAR_MISSES", "Plant", "plant"]

FOLDER: Final = "src/app/evaluation/planted"
HEADING: Final = '''\
"""Planted."""

from __future__ import annotations

'''


@dataclass(frozen=True)
class Plant:
    """One entry: an edit of a file, and the finding that it must lead to.

    Args:
        code: The practice that it violates, or nearly does.
        name: What is planted.
        edit: What `harness.weakening.apply` does.
        step: The step that must name it, or `judge`; empty for a near miss.
        finds: The code that the step must name, where it is another one.
        place: The file that it must name, where it is another one.
    """

    code: str
    name: str
    edit: dict[str, Any]
    step: str = ""
    finds: str = ""
    place: str = ""

    @property
    def path(self) -> str:
        """The file that the finding must be in."""
        return self.place or str(self.edit["path"])

    @property
    def expected(self) -> str:
        """The code that the finding must have."""
        return self.finds or self.code

    def __str__(self) -> str:
        """Return the code and the name, which are the id of a test."""
        return f"{self.code} {self.name}"


def _module(code: str, name: str, body: str) -> dict[str, str]:
    """Return the edit that writes a module which is correct except for its body."""
    slug = re.sub(r"\W+", "_", f"{code} {name}".lower()).strip("_")
    blocks = re.split(r"\n{3}", body.strip("\n"), maxsplit=1)
    first, rest = blocks[0], "".join(f"\n\n\n{block}" for block in blocks[1:])
    imports = [
        part for part in re.split(r"\n\n", first) if re.match(r"(from|import|if TYPE)", part)
    ]
    others = [part for part in re.split(r"\n\n", first) if part not in imports]
    listed = "__all__: list[str] = []"
    # Definitions stand two lines below what is before them.
    gap = "\n\n\n" if others and re.match(r"(@|class|def|async)", others[0]) else "\n\n"
    tail = gap.join(["", "\n\n".join(others)]) if others else ""
    text = HEADING + "\n\n".join([*imports, listed]) + tail + rest
    return {"path": f"{FOLDER}/{slug}.py", "new": f"{text}\n"}


def _loaded(kind: str) -> list[Plant]:
    tables = tomllib.loads((ROOT / "tests/bites.toml").read_text("utf-8"))[kind]
    found = []
    for code, entries in tables.items():
        for name, entry in entries.items():
            known = {key: entry.pop(key) for key in ("step", "finds", "place") if key in entry}
            edit = _module(code, name, entry["module"]) if "module" in entry else entry
            found.append(Plant(code, name, edit, **known))
    return found


BITES: Final = _loaded("bites")
NEAR_MISSES: Final = _loaded("passes")


def plant(plants: list[Plant], service: Path) -> None:
    """Plant them all in a service."""
    package = service / FOLDER / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text(f"{HEADING}__all__: list[str] = []\n", encoding="utf-8")
    for each in plants:
        apply(each.edit, service)
