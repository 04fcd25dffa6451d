"""The settings of the store in Pinecone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, SecretStr, StringConstraints

from app.config.groups import SettingsGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config.settings import Settings

__all__ = ["PineconeSettings"]


class PineconeSettings(SettingsGroup):
    """Pinecone."""

    pinecone_api_key: SecretStr | None = Field(default=None, validation_alias="PINECONE_API_KEY")
    """Key of the project; required where APP_VECTOR_STORE is `pinecone`."""

    pinecone_host: (
        Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2_000)] | None
    ) = Field(default=None, examples=["https://service-abc123.svc.aped-4627-b74a.pinecone.io"])
    """Host of the index, as the console shows it; required where APP_VECTOR_STORE is `pinecone`."""

    pinecone_namespace: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", min_length=1, max_length=100)
    ] = "service-index"
    """Namespace that names the current one of the two that hold the index, `…-a` and `…-b`."""

    pinecone_timeout_seconds: float = Field(default=20.0, gt=0, le=600)
    """Longest time of a request, in seconds; a failed one is tried again three times."""

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield which of key and host is missing, if the store is used."""
        if settings.vector_store != "pinecone":
            return
        if self.pinecone_api_key is None:
            yield "PINECONE_API_KEY: APP_VECTOR_STORE (pinecone) needs it, and it is not set"
        if self.pinecone_host is None:
            yield "APP_PINECONE_HOST: APP_VECTOR_STORE (pinecone) needs it, and it is not set"
