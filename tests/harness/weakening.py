"""What `tests/weakenings.toml` does to a service."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Final

from harness.answers import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["PASSES", "WEAKENS", "Edit", "apply", "expected"]

Edit = dict[str, str]

_LOADED: Final = tomllib.loads((ROOT / "tests/weakenings.toml").read_text("utf-8"))
PASSES: Final[Mapping[str, dict[str, list[Edit]]]] = _LOADED["passes"]
WEAKENS: Final[Mapping[str, dict[str, list[Edit]]]] = _LOADED["weakens"]


def apply(edit: Edit, service: Path) -> None:
    """Edit, write, link or delete a file of a service."""
    path = service / edit["path"]
    if "link" in edit:
        path.symlink_to(edit["link"])
        return
    if "delete" in edit:
        path.unlink()
        return
    before = path.read_text("utf-8") if path.exists() else ""
    old, new = edit.get("old", ""), edit["new"]
    assert not old or before.count(old) == 1, f"{old} stands {before.count(old)} times"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = before.replace(old, new) if old else before + new * int(edit.get("times", 1))
    path.write_text(text, encoding="utf-8")


def expected(name: str) -> tuple[str, str]:
    """Return the code and the path of the finding that a weakening must lead to."""
    code, _, path = str(WEAKENS[name]["finds"]).partition(" ")
    return code, path
