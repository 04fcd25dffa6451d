"""A sentence-transformers model in ONNX form, with its tokenizer; every call blocks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # has no types
from pydantic import BaseModel, ValidationError
from tokenizers import Tokenizer

from app.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from app.options.local_embeddings.settings import LocalEmbeddingSettings, Pooling
    from gwkit.models.protocols import Vectors

__all__ = ["OnnxModel"]

_WEIGHTS: Final = ("model.onnx", "onnx/model.onnx")
_TOKENIZER: Final = "tokenizer.json"
_POOLING: Final = "1_Pooling/config.json"
_POOLED: Final = "sentence_embedding"
"""The output of exports that pool by themselves."""

_INPUTS: Final = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_FATAL_ONLY: Final = 4
"""ONNX Runtime prints what it logs, and raises errors as well."""


class _PoolingConfig(BaseModel):
    """The parts of sentence-transformers' file that are used: a name, or a flag for each kind."""

    pooling_mode: str = ""
    pooling_mode_mean_tokens: bool = False
    pooling_mode_cls_token: bool = False


class OnnxModel:
    """Texts in, vectors out. Made by `load`, and safe for several threads.

    Args:
        session: the model in ONNX Runtime.
        tokenizer: the model's own.
        pooling: how the vectors of tokens become one.
        fingerprint: of all that decides about the vectors.

    Attributes:
        dimension: length of the vectors.
        inputs: names of what the model takes.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        pooling: Pooling,
        fingerprint: str,
    ) -> None:
        self.fingerprint = fingerprint
        self.dimension = 0
        self._session = session
        self._tokenizer = tokenizer
        self._pooling = pooling
        self._pad: int = (tokenizer.padding or {}).get("pad_id", 0)
        tokenizer.no_padding()
        self.inputs = [each.name for each in session.get_inputs()]
        outputs = [each.name for each in session.get_outputs()]
        self._output = _POOLED if _POOLED in outputs else outputs[0]

    @classmethod
    def load(cls, folder: Path, settings: LocalEmbeddingSettings) -> Self:
        """Load the model of a folder.

        Raises:
            ConfigError: a file is missing or damaged, or the model cannot be used.
        """
        weights = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
        tokens = folder / _TOKENIZER
        if weights is None or not tokens.is_file():
            missing = _TOKENIZER if weights else " or ".join(_WEIGHTS)
            raise ConfigError(
                f"APP_LOCAL_MODELS_PATH: there is no {missing} in {folder.absolute()}"
            )
        pooling = settings.local_pooling or _pooling(folder / _POOLING)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.local_threads
        # Threads that wait by spinning take the processor from the requests beside them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = _FATAL_ONLY
        path = tokens
        try:
            tokenizer = Tokenizer.from_file(str(path))
            tokenizer.enable_truncation(settings.local_max_tokens)
            path = weights
            session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as exc:  # neither library has a class for its errors
            raise ConfigError(f"APP_LOCAL_MODELS_PATH: {path.absolute()}: {exc}") from exc
        model = cls(session, tokenizer, pooling, _fingerprint([weights, tokens], settings, pooling))
        unknown = sorted({*model.inputs} - _INPUTS)
        if unknown:
            raise ConfigError(
                f"APP_LOCAL_MODELS_PATH: {weights.absolute()} needs {', '.join(unknown)}; "
                "export the model for feature extraction"
            )
        try:
            # As long as a text can be: a model with fewer positions fails now, not later.
            model.dimension = model.embed(["a " * settings.local_max_tokens]).shape[1]
        except Exception as exc:
            raise ConfigError(
                f"APP_LOCAL_MAX_TOKENS ({settings.local_max_tokens}): the model in "
                f"{folder.absolute()} fails with a text of that length: {exc}"
            ) from exc
        return model

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row of length 1 for each text; they are computed together.

        Raises:
            Exception: the model fails.
        """
        encodings = [self._tokenizer.encode(text) for text in texts]
        shape = (len(texts), max(1, *(len(each.ids) for each in encodings)))
        ids = np.full(shape, self._pad, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (output,) = self._session.run([self._output], {name: given[name] for name in self.inputs})
        vectors = self._pooled(np.asarray(output, dtype=np.float32), mask)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Vectors = (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
        return unit

    def _pooled(self, states: Vectors, mask: NDArray[np.int64]) -> Vectors:
        """Return a vector for each text, `(n, d)`, from those of its tokens, `(n, t, d)`."""
        if self._output == _POOLED:
            return states
        if self._pooling == "cls":
            first: Vectors = states[:, 0]
            return first
        weights = mask[:, :, np.newaxis].astype(np.float32)
        mean: Vectors = (states * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0)
        return mean


def _pooling(path: Path) -> Pooling:
    """Return what sentence-transformers' file in the model's folder says; the mean without one.

    Raises:
        ConfigError: it cannot be read, or says something else.
    """
    if not path.is_file():
        return "mean"
    try:
        config = _PoolingConfig.model_validate_json(path.read_bytes())
    except ValidationError as exc:
        raise ConfigError(f"APP_LOCAL_MODELS_PATH: {path.absolute()}: {exc}") from exc
    if config.pooling_mode == "cls" or config.pooling_mode_cls_token:
        return "cls"
    if config.pooling_mode == "mean" or config.pooling_mode_mean_tokens:
        return "mean"
    raise ConfigError(
        f"APP_LOCAL_POOLING: {path.absolute()} has another pooling than mean and cls; "
        "export the model with its pooling, and set APP_LOCAL_POOLING to either"
    )


def _fingerprint(files: Sequence[Path], settings: LocalEmbeddingSettings, pooling: Pooling) -> str:
    """Return a short name of all that decides about the vectors."""
    rules = [pooling, settings.local_query_prefix, settings.local_document_prefix]
    digest = hashlib.sha256(repr([*rules, settings.local_max_tokens]).encode())
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:8]
