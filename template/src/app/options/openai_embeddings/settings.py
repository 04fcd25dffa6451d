"""The settings of embeddings that a provider makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from app.config.groups import SettingsGroup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.config.settings import Settings

__all__ = ["KNOWN_DIMENSIONS", "EmbeddingSettings"]

KNOWN_DIMENSIONS: Final[Mapping[str, int]] = {
    "openai:text-embedding-3-large": 3_072,
    "openai:text-embedding-3-small": 1_536,
    "openai:text-embedding-ada-002": 1_536,
}
"""Lengths of the vectors of models whose vendors tell."""


class EmbeddingSettings(SettingsGroup):
    """Embeddings of a provider."""

    embedding_dimension: int | None = Field(default=None, ge=1, le=65_536, examples=["1024"])
    """Length of the vectors; the model's own by default, where that is known. text-embedding-3
    models shorten theirs to it."""

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield a line if the length of the model's vectors is unknown."""
        model = settings.embedding_model
        known = not model.startswith("openai:") or model in KNOWN_DIMENSIONS
        if not known and self.embedding_dimension is None:
            need = f"APP_EMBEDDING_MODEL ({model}) needs it"
            yield f"APP_EMBEDDING_DIMENSION: {need}, and it is not set"
