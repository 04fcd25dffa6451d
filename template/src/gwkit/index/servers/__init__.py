"""Shared by stores on servers that have neither transactions nor words: Qdrant and Pinecone."""

from __future__ import annotations

__all__: list[str] = []
