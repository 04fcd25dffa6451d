"""Structured logging of the whole process, without secrets."""

from __future__ import annotations

__all__: list[str] = []
