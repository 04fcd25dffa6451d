"""Chat models of OpenAI, and of servers that speak its protocol: vLLM, Ollama, a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from app.config.settings import Settings
    from app.registry import Registry
    from gwkit.models.protocols import ChatModel

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the chat models."""
    registry.chat_models.add("openai:*", _open_chat)


def _open_chat(name: str, settings: Settings) -> AbstractAsyncContextManager[ChatModel]:
    from app.options.openai.session import open_session
    from app.options.openai_chat.completions import OpenAIChatModel

    return OpenAIChatModel(name.partition(":")[2], open_session(name, settings))
