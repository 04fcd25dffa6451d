"""The settings of embeddings in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from app.config.groups import SettingsGroup
from app.config.paths import UserPath

__all__ = ["LocalEmbeddingSettings", "Pooling"]

Pooling = Literal["mean", "cls"]


class LocalEmbeddingSettings(SettingsGroup):
    """Embeddings in this process."""

    local_models_path: UserPath = Path("models")
    """Folder of the models. The embedding model `local:NAME` is in its folder `NAME`, which has
    `tokenizer.json` and `model.onnx` or `onnx/model.onnx`."""

    local_pooling: Pooling | None = Field(default=None, examples=["cls"])
    """How a text's vector is made of those of its tokens: their `mean`, or the first one, `cls`. By
    default `1_Pooling/config.json` in the model's folder decides, and without that file it is the
    mean."""

    local_query_prefix: str | None = Field(
        default=None, min_length=1, max_length=1_000, examples=["query: "]
    )
    """Text that the model expects before each question, if it does."""

    local_document_prefix: str | None = Field(
        default=None, min_length=1, max_length=1_000, examples=["passage: "]
    )
    """Text that the model expects before each text of a document, if it does."""

    local_max_tokens: int = Field(default=512, ge=8, le=32_768)
    """Tokens of a text that the model reads; further ones are cut off."""

    local_batch_texts: int = Field(default=16, ge=1, le=1_024)
    """Texts that the model reads at a time; more take more memory."""

    local_threads: int = Field(default=0, ge=0, le=1_024)
    """Threads that the model computes with; 0 is one for each processor core of the machine. Set it
    where a container may use fewer."""
