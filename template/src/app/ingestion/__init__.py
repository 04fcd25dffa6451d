"""From files to chunks in the index: load, clean, chunk, embed, write."""

from __future__ import annotations

__all__: list[str] = []
