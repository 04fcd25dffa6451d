"""Refuse files that do not belong in git for their size: `python -m scripts.large_files PATH…`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["too_large"]

LIMIT = 1_000_000


def too_large(paths: Iterable[Path], limit: int = LIMIT) -> list[str]:
    """Return a line for each file above the limit, in bytes."""
    sizes = {path: path.stat().st_size for path in paths if path.is_file()}
    return [
        f"{path}: {size} bytes, more than {limit}" for path, size in sizes.items() if size > limit
    ]


if __name__ == "__main__":
    found = too_large(map(Path, sys.argv[1:]))
    sys.exit("\n".join(found) or 0)
