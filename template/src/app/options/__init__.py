"""One folder for each answer that adds something; each registers its parts."""

from __future__ import annotations

__all__: list[str] = []
