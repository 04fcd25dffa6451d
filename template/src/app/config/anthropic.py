"""The settings of Anthropic, and of servers that speak its protocol."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["VENDOR_URL", "AnthropicSettings"]

VENDOR_URL: Final = "https://api.anthropic.com"

# Anything else could not be sent in a header.
_KEY = re.compile(r"[!-~]+")
_Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$", min_length=8, max_length=2_000)]


class AnthropicSettings(BaseSettings):
    """Anthropic."""

    anthropic_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="ANTHROPIC_API_KEY",
        description="The key; required where a model of `anthropic:` is used at the vendor's own "
        "address, optional at another.",
    )
    anthropic_base_url: _Url | None = Field(
        default=None,
        validation_alias="ANTHROPIC_BASE_URL",
        description="Where the server is; the vendor's by default. Any server that speaks the "
        "protocol will do, such as a gateway.",
        examples=["http://127.0.0.1:8080"],
    )

    def anthropic_problems(self, models: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Yield a line where the key can be none, or where a model needs one that is not set.

        Args:
            models: the models that are named, each with the variable that names it.
        """
        key = self.anthropic_api_key
        if key and not _KEY.fullmatch(key.get_secret_value()):
            yield "ANTHROPIC_API_KEY: must be visible ASCII characters without spaces"
        host = urlsplit(self.anthropic_base_url or VENDOR_URL).hostname
        if key or not f".{host}".endswith(".anthropic.com"):
            return
        for variable, name in models:
            if name.startswith("anthropic:"):
                yield f"ANTHROPIC_API_KEY: {variable} ({name}) needs it, and it is not set"
                return
