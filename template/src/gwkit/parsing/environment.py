"""What a helper process gets of the environment: enough to start, and no secret."""

from __future__ import annotations

import os

__all__ = ["bare_environment"]

_NEEDED = (
    "DYLD_LIBRARY_PATH",
    "LD_LIBRARY_PATH",
    "PATH",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
)
"""Where the interpreter finds its libraries and puts temporary files, on any system."""


def bare_environment() -> dict[str, str]:
    """Return the variables that any Python needs to start, without settings and keys."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}
