"""Output, progress and interruption of commands."""

from __future__ import annotations

__all__: list[str] = []
