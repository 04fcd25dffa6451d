"""Utilities for every package: an async singleton."""

from __future__ import annotations

__all__: list[str] = []
