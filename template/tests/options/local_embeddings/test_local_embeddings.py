"""Embeddings in the service's own process, by the real runtime and small models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.exceptions import ConfigError, IndexMismatchError, ProviderError
from app.options.local_embeddings.embedder import LocalEmbedder
from app.options.local_embeddings.settings import LocalEmbeddingSettings
from app.wiring import open_services
from gwkit.index.store import SearchMode

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from app.config.settings import Settings
    from fixtures.configuration import MakeSettings
    from options.local_embeddings.conftest import MakeModel

TOKENS = 16
"""Tokens that the models of these tests can read."""


def opened(folder: Path, **fields: object) -> AbstractAsyncContextManager[LocalEmbedder]:
    """Return the embedder of a model's folder, to be entered."""
    values = {"local_max_tokens": TOKENS, "local_models_path": folder.parent} | fields
    settings = LocalEmbeddingSettings.model_validate(values)
    return LocalEmbedder.open(f"local:{folder.name}", settings)


async def test_vectors_are_means_of_length_one(make_model: MakeModel) -> None:
    """Padding does not count, whatever else is in the batch, and rows keep the texts' order."""
    texts = ["car tree tree", "", "automobile", "oak " * 5, "car"]
    async with opened(make_model(), local_batch_texts=2) as embedder:
        vectors = await embedder.embed_documents(texts)
        alone = [(await embedder.embed_documents([text]))[0] for text in texts]
    assert 3 == embedder.dimension
    assert np.float32 == vectors.dtype
    assert np.allclose(vectors, alone)
    # The mean of `[CLS] car tree tree` is (1, 3, 0) / 4.
    assert np.allclose(np.array([1, 3, 0]) / np.sqrt(10), vectors[0])
    assert np.allclose(1, np.linalg.norm(vectors, axis=1))
    assert np.allclose(vectors[2], vectors[4])


async def test_no_texts_have_no_vectors(make_model: MakeModel) -> None:
    """A document without chunks has no rows."""
    async with opened(make_model()) as embedder:
        assert (0, 3) == (await embedder.embed_documents([])).shape


@pytest.mark.parametrize(
    ("pooling", "chosen", "expected"),
    [
        (None, None, "mean"),
        ({"pooling_mode_mean_tokens": True}, None, "mean"),
        ({"pooling_mode_cls_token": True}, None, "cls"),
        ({"pooling_mode": "cls"}, None, "cls"),
        ({"pooling_mode_cls_token": True}, "mean", "mean"),
        (None, "cls", "cls"),
    ],
)
async def test_the_folder_says_how_to_pool(
    make_model: MakeModel, pooling: object, chosen: str | None, expected: str
) -> None:
    """The file of sentence-transformers decides, and the setting before it."""
    async with opened(make_model(pooling=pooling), local_pooling=chosen) as embedder:
        vector = await embedder.embed_query("car")
    # The first token is `[CLS]`, (0, 1, 0).
    assert np.allclose([0, 1, 0] if expected == "cls" else np.sqrt([0.5, 0.5, 0]), vector)


async def test_a_model_that_pools_is_taken_at_its_word(make_model: MakeModel) -> None:
    """Its output `sentence_embedding` is the vector, here the highest numbers."""
    folder = make_model(output=", float[n, 3] sentence_embedding")
    async with opened(folder) as embedder:
        vector = await embedder.embed_query("car car car")
    assert np.allclose(np.sqrt([0.5, 0.5, 0]), vector)


async def test_prefixes_belong_to_their_side(make_model: MakeModel) -> None:
    """A question has its own prefix, and a document another."""
    prefixes = {"local_query_prefix": "tree ", "local_document_prefix": "car "}
    async with opened(make_model(), **prefixes) as embedder:
        query = await embedder.embed_query("car")
        document = (await embedder.embed_documents(["car"]))[0]
    assert np.allclose(np.array([1, 2, 0]) / np.sqrt(5), query)
    assert np.allclose(np.array([2, 1, 0]) / np.sqrt(5), document)


async def test_a_long_text_is_cut(make_model: MakeModel) -> None:
    """Tokens beyond the limit do not count, and the tokenizer's own limit does not apply."""
    async with opened(make_model()) as embedder:
        vector = await embedder.embed_query("car " * (TOKENS - 1) + "tree " * 1_000)
    assert np.allclose(np.array([TOKENS - 1, 1, 0]) / np.hypot(TOKENS - 1, 1), vector)


@pytest.mark.parametrize("weights", ["model.onnx", "onnx/model.onnx"])
async def test_folders_of_both_kinds_are_read(make_model: MakeModel, weights: str) -> None:
    """The weights lie beside the tokenizer, or in `onnx` as sentence-transformers puts them."""
    inputs = "input_ids, int64[n, t] attention_mask, int64[n, t] token_type_ids"
    async with opened(make_model(weights=weights, inputs=inputs)) as embedder:
        assert 3 == embedder.dimension


@pytest.mark.parametrize("missing", ["model.onnx", "tokenizer.json"])
async def test_a_missing_file_is_named(make_model: MakeModel, missing: str) -> None:
    """The start fails, with the file and the folder."""
    folder = make_model()
    (folder / missing).unlink()
    with pytest.raises(ConfigError, match=rf"LOCAL_MODELS_PATH.*{missing}.*in .*tiny"):
        async with opened(folder):
            pass


@pytest.mark.parametrize("damaged", ["model.onnx", "tokenizer.json"])
async def test_a_damaged_file_is_named(make_model: MakeModel, damaged: str) -> None:
    """Such as a pointer that Git LFS left in its place."""
    folder = make_model()
    (folder / damaged).write_text("version https://git-lfs", encoding="utf-8")
    with pytest.raises(ConfigError, match=damaged):
        async with opened(folder):
            pass


@pytest.mark.parametrize(
    ("model", "fields", "named"),
    [
        ({"inputs": "input_ids, int64[n, t] pixels"}, {}, "pixels"),
        ({"pooling": {"pooling_mode": "lasttoken"}}, {}, "APP_LOCAL_POOLING"),
        ({"pooling": []}, {}, "1_Pooling"),
        ({}, {"local_max_tokens": TOKENS + 1}, "APP_LOCAL_MAX_TOKENS"),
    ],
)
async def test_what_cannot_work_fails_at_start(
    make_model: MakeModel, model: dict[str, str], fields: dict[str, object], named: str
) -> None:
    """Each with what to change."""
    with pytest.raises(ConfigError, match=named):
        async with opened(make_model(**model), **fields):
            pass


async def test_a_failing_model_is_an_error_of_the_service(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers know its type: a search answers 502, and an upload is a document that failed."""
    async with opened(make_model()) as embedder:
        monkeypatch.setattr(embedder._model, "_output", "nothing")
        with pytest.raises(ProviderError, match="local:tiny"):
            await embedder.embed_query("car")


async def test_the_name_has_all_that_vectors_depend_on(make_model: MakeModel) -> None:
    """Other weights, another prefix or another pooling make another name; threads do not."""
    folder, other = make_model(), make_model("other", inputs="input_ids")
    names = []
    for place, fields in (
        (folder, {}),
        (folder, {"local_threads": 1, "local_batch_texts": 1}),
        (folder, {"local_query_prefix": "query: "}),
        (folder, {"local_pooling": "cls"}),
        (other, {}),
    ):
        async with opened(place, **fields) as embedder:
            names.append(embedder.name.partition("#")[2])
    assert names[0] == names[1]
    assert 4 == len(set(names))


def _settings(make_settings: MakeSettings, folder: Path, **fields: object) -> Settings:
    return make_settings(
        embedding_model=f"local:{folder.name}",
        local_models_path=folder.parent,
        local_max_tokens=TOKENS,
        **fields,
    )


async def test_a_service_searches_by_meaning(
    make_model: MakeModel, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """A question finds a document that has none of its words, and another model is refused."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "vehicle.md").write_text("automobile automobile", encoding="utf-8")
    (documents / "forest.md").write_text("oak oak", encoding="utf-8")
    folder = make_model()
    settings = _settings(make_settings, folder)
    async with open_services(settings) as services:
        summary = await services.pipeline.ingest([documents])
        hits = await services.retriever.search("car car car", k=2)
        words = await services.retriever.search("car car car", k=2, mode=SearchMode.LEXICAL)
    assert (2, 0) == (summary.added, summary.failed)
    assert "vehicle.md" == hits[0].document
    assert [] == list(words)
    for changed in (
        _settings(make_settings, make_model("other")),
        _settings(make_settings, folder, local_pooling="cls"),
    ):
        with pytest.raises(IndexMismatchError, match="rebuild"):
            async with open_services(changed):
                pass
