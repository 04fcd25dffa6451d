"""OpenAI and servers that speak its protocol: the key and address of chat models and embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.options.openai.settings import OpenAISettings

if TYPE_CHECKING:
    from app.registry import Registry

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the key and the address."""
    registry.settings.add("openai", OpenAISettings)
