"""Ranking quality on a golden set."""

from __future__ import annotations

__all__: list[str] = []
