"""From a question to a grounded, cited answer."""

from __future__ import annotations

__all__: list[str] = []
