"""The settings of a reranker on a server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints

from app.config.groups import SettingsGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config.settings import Settings

__all__ = ["RerankSettings"]

# Anything else could not be sent in a header.
_KEY: Final = re.compile(r"[!-~]+")


class RerankSettings(SettingsGroup):
    """A reranker on a server."""

    rerank_url: (
        Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2_000)] | None
    ) = Field(default=None, examples=["http://127.0.0.1:8080/rerank"])
    """The whole address that texts are sent to; required where APP_RERANKER is `http` or
    `http:model`."""

    rerank_api_key: SecretStr | None = None
    """Key of the server, if it asks for one."""

    rerank_field: Literal["documents", "texts"] = "documents"
    """Name of the passages in a request: `documents`, or `texts` for Hugging Face's TEI."""

    rerank_candidates: int = Field(default=50, ge=1, le=1_000)
    """Hits of a search that are sent, best first; the others come after them."""

    rerank_batch: int = Field(default=32, ge=1, le=1_000)
    """Most passages in a request; TEI takes 32, if it is not told otherwise."""

    rerank_timeout_seconds: float = Field(default=3.0, gt=0, le=600)
    """Longest time of a search's requests with every attempt, in seconds; after it, the order
    stays. Keep it below APP_TIMEOUT_SECONDS."""

    rerank_attempts: int = Field(default=2, ge=1, le=10)
    """Most attempts at a request."""

    rerank_concurrency: int = Field(default=16, ge=1, le=10_000)
    """Requests at a time; others queue."""

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield what is wrong, if the reranker is used."""
        name = settings.reranker or ""
        if name != "http" and not name.startswith("http:"):
            return
        if self.rerank_url is None:
            yield f"APP_RERANK_URL: APP_RERANKER ({name}) needs it, and it is not set"
        elif not _is_address(self.rerank_url):
            yield "APP_RERANK_URL: has no valid host and port"
        if self.rerank_api_key and not _KEY.fullmatch(self.rerank_api_key.get_secret_value()):
            yield "APP_RERANK_API_KEY: must be visible ASCII characters without spaces"
        if self.rerank_timeout_seconds >= settings.timeout_seconds:
            yield (
                f"APP_RERANK_TIMEOUT_SECONDS ({self.rerank_timeout_seconds:g}) must be less than "
                f"APP_TIMEOUT_SECONDS ({settings.timeout_seconds:g})"
            )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
