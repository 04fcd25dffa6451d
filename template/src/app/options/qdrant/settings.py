"""The settings of the store in Qdrant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, SecretStr, StringConstraints

from app.config.groups import SettingsGroup
from app.config.paths import UserPath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config.settings import Settings

__all__ = ["QdrantSettings"]


class QdrantSettings(SettingsGroup):
    """Qdrant."""

    qdrant_url: (
        Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2_000)] | None
    ) = Field(default=None, validation_alias="QDRANT_URL", examples=["http://127.0.0.1:6333"])
    """Address of the server; this or APP_QDRANT_PATH is required where APP_VECTOR_STORE is
    `qdrant`."""

    qdrant_api_key: SecretStr | None = Field(default=None, validation_alias="QDRANT_API_KEY")
    """Key of the server, if it asks for one."""

    qdrant_path: UserPath | None = Field(default=None, examples=["var/qdrant"])
    """Folder of Qdrant's local mode, without a server: for development, by one process."""

    qdrant_collection: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", min_length=1, max_length=100)
    ] = "service-index"
    """Name of the index: an alias of a collection, `…-a` or `…-b`."""

    qdrant_timeout_seconds: int = Field(default=20, ge=1, le=600)
    """Longest time of a request, in seconds."""

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield what is wrong with the address, if the store is used."""
        if settings.vector_store != "qdrant":
            return
        if self.qdrant_url is None and self.qdrant_path is None:
            yield "QDRANT_URL: APP_VECTOR_STORE (qdrant) needs it, and it is not set"
        elif self.qdrant_url is not None and self.qdrant_path is not None:
            yield "QDRANT_URL: only one of it and APP_QDRANT_PATH can be set"
