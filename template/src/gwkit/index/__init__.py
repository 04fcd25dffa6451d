"""The protocol of stores, and the embedded index."""

from __future__ import annotations

__all__: list[str] = []
