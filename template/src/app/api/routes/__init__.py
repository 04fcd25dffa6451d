"""The routes, one module per resource; each has a `router`."""

from __future__ import annotations

__all__: list[str] = []
