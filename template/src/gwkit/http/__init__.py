"""The server and its middleware: limits, errors, logging, serving."""

from __future__ import annotations

__all__: list[str] = []
