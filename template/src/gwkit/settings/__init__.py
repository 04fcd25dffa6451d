"""Settings from the environment and `.env`: reading, checking, describing."""

from __future__ import annotations

__all__: list[str] = []
