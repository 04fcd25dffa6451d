"""Chat models of OpenAI, and of servers that speak its protocol."""

from __future__ import annotations

__all__: list[str] = []
