"""The settings of OpenAI, and of servers that speak its protocol."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["VENDOR_URL", "OpenAISettings"]

VENDOR_URL: Final = "https://api.openai.com/v1"

# Anything else could not be sent in a header.
_KEY = re.compile(r"[!-~]+")
_Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$", min_length=8, max_length=2_000)]


class OpenAISettings(BaseSettings):
    """OpenAI."""

    openai_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="OPENAI_API_KEY",
        description="The key; required where a model of `openai:` is used at the vendor's own "
        "address, optional at another.",
    )
    openai_base_url: _Url | None = Field(
        default=None,
        validation_alias="OPENAI_BASE_URL",
        description="Where the server is; the vendor's by default. Any server that speaks the "
        "protocol will do: vLLM, Ollama, TEI, a gateway.",
        examples=["http://127.0.0.1:11434/v1"],
    )

    def openai_problems(self, models: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Yield a line where the key can be none, or where a model needs one that is not set.

        Args:
            models: the models that are named, each with the variable that names it.
        """
        key = self.openai_api_key
        if key and not _KEY.fullmatch(key.get_secret_value()):
            yield "OPENAI_API_KEY: must be visible ASCII characters without spaces"
        host = urlsplit(self.openai_base_url or VENDOR_URL).hostname
        if key or not f".{host}".endswith(".openai.com"):
            return
        for variable, name in models:
            if name.startswith("openai:"):
                yield f"OPENAI_API_KEY: {variable} ({name}) needs it, and it is not set"
                return
