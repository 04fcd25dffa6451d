"""A service that answers questions over your documents, with citations."""

from __future__ import annotations

__all__: list[str] = []

__version__ = "0.1.0"
