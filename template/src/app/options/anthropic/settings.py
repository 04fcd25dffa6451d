"""The settings of Anthropic, and of servers that speak its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field, SecretStr

from app.config.groups import SettingsGroup
from app.options.providers.keys import Url, key_problems, named_models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config.settings import Settings

__all__ = ["VENDOR_URL", "AnthropicSettings"]

VENDOR_URL: Final = "https://api.anthropic.com"


class AnthropicSettings(SettingsGroup):
    """Anthropic."""

    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    """The key; required where a model of `anthropic:` is used at the vendor's own address, optional
    at another."""

    anthropic_base_url: Url | None = Field(
        default=None, validation_alias="ANTHROPIC_BASE_URL", examples=["http://127.0.0.1:8080"]
    )
    """Where the server is; the vendor's by default. Any server that speaks the protocol will do,
    such as a gateway."""

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield what is wrong with the key for the models that are named."""
        url = self.anthropic_base_url or VENDOR_URL
        return key_problems("anthropic", self.anthropic_api_key, url, named_models(settings))
