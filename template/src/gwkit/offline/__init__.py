"""The offline models: a chat model that quotes, and embeddings by hashing."""

from __future__ import annotations

__all__: list[str] = []
