"""Settings, their validation report, and logging."""

from __future__ import annotations

__all__: list[str] = []
