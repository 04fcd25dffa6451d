"""Hybrid search over the index."""

from __future__ import annotations

__all__: list[str] = []
