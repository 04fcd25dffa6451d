"""The settings of OpenAI, and of servers that speak its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field, SecretStr

from app.config.groups import SettingsGroup
from app.options.providers.keys import Url, key_problems, named_models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config.settings import Settings

__all__ = ["VENDOR_URL", "OpenAISettings"]

VENDOR_URL: Final = "https://api.openai.com/v1"


class OpenAISettings(SettingsGroup):
    """OpenAI."""

    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    """The key; required where a model of `openai:` is used at the vendor's own address, optional at
    another."""

    openai_base_url: Url | None = Field(
        default=None, validation_alias="OPENAI_BASE_URL", examples=["http://127.0.0.1:11434/v1"]
    )
    """Where the server is; the vendor's by default. Any server that speaks the protocol will do:
    vLLM, Ollama, TEI, a gateway."""

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield what is wrong with the key for the models that are named."""
        url = self.openai_base_url or VENDOR_URL
        return key_problems("openai", self.openai_api_key, url, named_models(settings))
