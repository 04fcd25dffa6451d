"""What every package may use: an async singleton."""

from __future__ import annotations

__all__: list[str] = []
