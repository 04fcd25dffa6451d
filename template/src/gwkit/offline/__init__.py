"""The offline models: a chat model that quotes, and no embeddings."""

from __future__ import annotations

__all__: list[str] = []
