"""Ports to language models, and what surrounds each call."""

from __future__ import annotations

__all__: list[str] = []
