"""Loaders: one module for each format, found by a document's suffix."""

from __future__ import annotations

from app.ingestion.loaders.registry import LoaderPart, LoaderRegistry
from gwkit.parsing.loader import DocumentLoader, Loaded, Loader

__all__ = ["DocumentLoader", "Loaded", "Loader", "LoaderPart", "LoaderRegistry"]
