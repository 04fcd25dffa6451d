"""Timing, memory and async singletons: few, small and pure."""

from __future__ import annotations

__all__: list[str] = []
