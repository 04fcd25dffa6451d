"""Wrappers around a provider's model, so that the service survives the provider's failures."""

from __future__ import annotations

__all__: list[str] = []
