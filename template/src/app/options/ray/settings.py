"""The settings of ingestion by Ray."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from app.config.groups import SettingsGroup

__all__ = ["RaySettings"]


class RaySettings(SettingsGroup):
    """Ingestion by Ray."""

    ray_address: Annotated[str, StringConstraints(pattern=r"^[^\s/]+:[0-9]{1,5}$")] | None = Field(
        default=None, examples=["10.0.0.1:6379"]
    )
    """Address of the head of a Ray cluster. By default `ingest --engine ray` starts Ray on this
    machine, and stops it at the end."""

    ray_document_cpus: float = Field(default=1.0, ge=0.01, le=64)
    """Processors that Ray reserves for each document in preparation; less than 1 where that mostly
    waits for a provider of embeddings."""
