"""Make `app` importable in the running environment, wherever the checkout moves.

One line in a `.pth` file of site-packages names `src`, relative to that folder.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

__all__ = ["link"]


def link(source: Path, packages: Path) -> Path:
    """Write `app.pth` into a site-packages folder; return its path."""
    target = packages / "app.pth"
    target.write_text(f"{os.path.relpath(source, packages)}\n", encoding="utf-8")
    return target


if __name__ == "__main__":
    link(Path(__file__).resolve().parent.parent / "src", Path(sysconfig.get_path("purelib")))
