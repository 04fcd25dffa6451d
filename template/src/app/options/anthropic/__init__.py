"""Anthropic, and every server that speaks its protocol."""

from __future__ import annotations

__all__: list[str] = []
