"""Text without meaning: words, token counts, escaping."""

from __future__ import annotations

__all__: list[str] = []
