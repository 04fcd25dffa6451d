"""The request's context, and metrics."""

from __future__ import annotations

__all__: list[str] = []
