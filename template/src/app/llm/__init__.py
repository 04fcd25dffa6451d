"""Ports to language models, and the offline models that need no key."""

from __future__ import annotations

__all__: list[str] = []
