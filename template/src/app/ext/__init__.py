"""Your own code: every module here is discovered at start; no update touches it."""

from __future__ import annotations

__all__: list[str] = []
