"""Loaders: one module for each format, found by a document's suffix."""

from __future__ import annotations

from app.ingestion.loaders.port import DocumentLoader, Loaded, Loader
from app.ingestion.loaders.registry import LoaderRegistry

__all__ = ["DocumentLoader", "Loaded", "Loader", "LoaderRegistry"]
