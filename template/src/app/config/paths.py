"""Paths as people write them, with `~` for a home folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

__all__ = ["UserPath", "expand_user"]


def expand_user(path: Path) -> Path:
    """Return the path with its leading `~` or `~name` replaced by that home folder.

    Raises:
        ValueError: there is no such home folder.
    """
    try:
        return path.expanduser()
    except RuntimeError as exc:
        raise ValueError(f"there is no home folder for {path.parts[0]}") from exc


UserPath = Annotated[Path, AfterValidator(expand_user)]
