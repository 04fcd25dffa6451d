"""Anthropic, and servers that speak its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.options.anthropic.settings import AnthropicSettings
from app.options.providers.settings import CallSettings

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from app.config.settings import Settings
    from app.registry import Registry
    from gwkit.models.protocols import ChatModel

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the chat models and their settings."""
    registry.settings.add("anthropic", AnthropicSettings)
    registry.chat_models.add("anthropic:*", _open_chat)


def _open_chat(name: str, settings: Settings) -> AbstractAsyncContextManager[ChatModel]:
    from app.options.anthropic.chat import AnthropicChatModel

    vendor = settings.group(AnthropicSettings)
    return AnthropicChatModel(
        name.partition(":")[2],
        key=vendor.anthropic_api_key,
        base_url=vendor.anthropic_base_url,
        timeout_seconds=settings.group(CallSettings).llm_timeout_seconds,
    )
