"""The service's search: over synthetic chunks, and over the golden set."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np
from app.config.settings import Settings
from app.evaluation.golden import load_golden
from app.evaluation.runner import compare_modes
from app.ingestion.preparation import indexed_text
from app.retrieval import ranking
from app.retrieval.retriever import Retriever
from app.wiring import build_registry, open_services, settings_type
from gwkit.documents import Chunk, Document
from gwkit.index.sqlite import SqliteIndex
from gwkit.index.store import Manifest, SearchMode
from gwkit.logging.setup import configure_logging
from gwkit.telemetry.metrics import Metrics
from gwkit.text.characters import count_tokens

from benchmarks.synthetic import documents, questions
from benchmarks.workers import serve
from benchmarks.workers.searches import HITS, Found
from benchmarks.workers.vectors import WordVectors

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from gwkit.models.protocols import Vector

_EVERYTHING: Final = 1e9


class Searcher:
    """Searches an index, with the embeddings of the questions at hand."""

    async def build(self, folder: str, chunks: int, asked: int, stack: AsyncExitStack) -> float:
        """Make an index of so many chunks; return how long the writing took, in seconds.

        The same chunks, vectors and questions are written beside it, for others.
        """
        configure_logging(Settings(log_level="WARNING"))
        embedder, home = WordVectors(), Path(folder)
        manifest = Manifest(embedder.name, embedder.dimension, "synthetic")
        index = await SqliteIndex.open(home / "index.sqlite", manifest)
        self._index = await stack.enter_async_context(index)
        vectors = np.lib.format.open_memmap(
            home / "vectors.npy", "w+", np.float32, (chunks, embedder.dimension)
        )
        subjects, filled, writing = [], 0, 0.0
        with (home / "chunks.jsonl").open("w", encoding="utf-8") as lines:
            for each in documents(chunks):
                cut = [
                    Chunk(position, text, (), count_tokens(text))
                    for position, text in enumerate(each.chunks)
                ]
                embedded = await embedder.embed_documents([indexed_text(chunk) for chunk in cut])
                document = Document(each.id, each.subject[0], each.id, ())
                started = perf_counter()
                await index.replace(document, cut, embedded)
                writing += perf_counter() - started
                for chunk in cut:
                    told = {"id": f"{each.id}#{chunk.position}", "text": indexed_text(chunk)}
                    lines.write(json.dumps(told) + "\n")
                vectors[filled : filled + len(cut)] = embedded
                filled += len(cut)
                subjects.append(each.subject)
        vectors.flush()
        texts = questions(subjects, asked)
        embedded = np.stack([await embedder.embed_query(text) for text in texts])
        np.save(home / "questions.npy", embedded)
        (home / "questions.json").write_text(json.dumps(texts), encoding="utf-8")
        self._questions = list(zip(texts, embedded, strict=True))
        self._metrics = Metrics()
        # As at the start of the service: the first search reads the vectors.
        await self.search(SearchMode.HYBRID.value, 0, 1)
        return writing

    async def search(self, mode: str, first: int, count: int) -> Found:
        """Ask some of the questions, one after the other."""
        found = Found(milliseconds=[], chunks=[])
        for text, vector in self._questions[first : first + count]:
            retriever = Retriever(
                index=self._index, embedder=_Embedded(vector), metrics=self._metrics
            )
            started = perf_counter()
            hits = await retriever.search(text, k=HITS, mode=SearchMode(mode))
            found["milliseconds"].append((perf_counter() - started) * 1_000)
            found["chunks"].append([hit.chunk for hit in hits])
        return found


class _Embedded(WordVectors):
    """Has the embedding of the question already.

    Args:
        vector: the embedding, of shape (dimension,).
    """

    def __init__(self, vector: Vector) -> None:
        super().__init__()
        self._vector = vector

    async def embed_query(self, text: str) -> Vector:
        """Return it; the text is not read."""
        del text
        return self._vector


async def golden(index: str, samples: str, cases: str, *, shortcut: bool) -> dict[str, float]:
    """Return nDCG@10 of each mode on the golden set, with and without the shortcut.

    The samples are too few for it to be taken, so it is made to be taken at every size.
    """
    free, share = ranking._FREE_MATCHES, ranking._SHARE  # noqa: SLF001 - no setting
    ranking._FREE_MATCHES = 0  # noqa: SLF001
    ranking._SHARE = share if shortcut else _EVERYTHING  # noqa: SLF001
    whole = settings_type(build_registry())
    settings = whole(log_level="WARNING", index_path=Path(index))
    configure_logging(settings)
    try:
        async with open_services(settings) as services:
            await services.pipeline.ingest([Path(samples)])
            answerable = [case for case in load_golden(Path(cases)) if case.relevant]
            reports = await compare_modes(answerable, services.retriever)
    finally:
        ranking._FREE_MATCHES, ranking._SHARE = free, share  # noqa: SLF001
    return {mode.value: report.scores.ndcg for mode, report in reports.items()}


if __name__ == "__main__":
    searcher = Searcher()
    serve({"build": searcher.build, "search": searcher.search, "golden": golden})
