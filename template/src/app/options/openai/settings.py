"""The settings of OpenAI, and of servers that speak its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from app.options.providers.keys import Url, key_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["VENDOR_URL", "OpenAISettings"]

VENDOR_URL: Final = "https://api.openai.com/v1"


class OpenAISettings(BaseSettings):
    """OpenAI."""

    openai_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="OPENAI_API_KEY",
        description="The key; required where a model of `openai:` is used at the vendor's own "
        "address, optional at another.",
    )
    openai_base_url: Url | None = Field(
        default=None,
        validation_alias="OPENAI_BASE_URL",
        description="Where the server is; the vendor's by default. Any server that speaks the "
        "protocol will do: vLLM, Ollama, TEI, a gateway.",
        examples=["http://127.0.0.1:11434/v1"],
    )

    def openai_problems(self, models: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Yield what is wrong with the key for these models, each with the variable naming it."""
        url = self.openai_base_url or VENDOR_URL
        return key_problems("openai", self.openai_api_key, url, models)
