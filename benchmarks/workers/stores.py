"""Two embedded stores with the same chunks and vectors as the service."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

import chromadb
import lancedb
import numpy as np
from chromadb.config import Settings
from lancedb.rerankers import RRFReranker

from benchmarks.workers import serve
from benchmarks.workers.searches import HITS, Found

if TYPE_CHECKING:
    from collections.abc import Sequence

_BATCH: Final = 5_000


class Store(Protocol):
    """The interface of both stores."""

    def add(self, ids: Sequence[str], texts: Sequence[str], vectors: np.ndarray) -> None:
        """Store some chunks."""

    def finish(self) -> None:
        """Finish the index once all chunks are stored."""

    def search(self, mode: str, text: str, vector: np.ndarray) -> list[str]:
        """Return the best chunks, with their texts read."""


class Lance:
    """LanceDB: exact vector search, BM25 over its full-text index, and both by reciprocal ranks."""

    def __init__(self, home: Path) -> None:
        self._database = lancedb.connect(home / "lance")
        self._reranker = RRFReranker()
        self._table: lancedb.table.Table | None = None

    def add(self, ids: Sequence[str], texts: Sequence[str], vectors: np.ndarray) -> None:
        """Store some chunks."""
        rows = [
            {"id": chunk, "text": text, "vector": vector}
            for chunk, text, vector in zip(ids, texts, vectors, strict=True)
        ]
        if self._table is None:
            self._table = self._database.create_table("chunks", rows)
        else:
            self._table.add(rows)

    def finish(self) -> None:
        """Compact the fragments, and build the full-text index."""
        assert self._table is not None
        self._table.create_fts_index("text")
        self._table.optimize()

    def search(self, mode: str, text: str, vector: np.ndarray) -> list[str]:
        """Return the best chunks, with their texts read."""
        assert self._table is not None
        if mode == "vector":
            query = self._table.search(vector).distance_type("dot")
        elif mode == "lexical":
            query = self._table.search(text, query_type="fts")
        else:
            query = self._table.search(query_type="hybrid").vector(vector).text(text)
            query = query.distance_type("dot").rerank(self._reranker)
        return [str(row["id"]) for row in query.select(["id", "text"]).limit(HITS).to_list()]


class Chroma:
    """Chroma: approximate vector search by HNSW. On one machine it has no ranking by words."""

    def __init__(self, home: Path) -> None:
        client = chromadb.PersistentClient(
            path=str(home / "chroma"), settings=Settings(anonymized_telemetry=False)
        )
        self._collection = client.create_collection(
            "chunks", embedding_function=None, configuration={"hnsw": {"space": "ip"}}
        )

    def add(self, ids: Sequence[str], texts: Sequence[str], vectors: np.ndarray) -> None:
        """Store some chunks."""
        self._collection.add(ids=list(ids), documents=list(texts), embeddings=vectors)

    def finish(self) -> None:
        """Do nothing: the graph is built as chunks are stored."""

    def search(self, mode: str, text: str, vector: np.ndarray) -> list[str]:  # noqa: ARG002
        """Return the best chunks, with their texts read."""
        assert mode == "vector"
        got = self._collection.query(
            query_embeddings=[vector], n_results=HITS, include=["documents"]
        )
        return [str(chunk) for chunk in got["ids"][0]]


class Stores:
    """Both of them, over one folder."""

    def open(self, folder: str) -> int:
        """Read the chunks to store; return the number of batches."""
        home = Path(folder)
        self._chunks = home / "chunks.jsonl"
        self._vectors = np.load(home / "vectors.npy", mmap_mode="r")
        texts = json.loads((home / "questions.json").read_text(encoding="utf-8"))
        self._questions = list(zip(texts, np.load(home / "questions.npy"), strict=True))
        self._stores: dict[str, Store] = {"lancedb": Lance(home), "chroma": Chroma(home)}
        return -(-len(self._vectors) // _BATCH)

    def add(self, store: str, batch: int) -> float:
        """Store a batch of chunks; return how long it took, in seconds."""
        first = batch * _BATCH
        with self._chunks.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in islice(lines, first, first + _BATCH)]
        ids, texts = [row["id"] for row in rows], [row["text"] for row in rows]
        vectors = np.array(self._vectors[first : first + len(rows)])
        started = perf_counter()
        self._stores[store].add(ids, texts, vectors)
        return perf_counter() - started

    def finish(self, store: str) -> float:
        """Finish the index; return how long it took, in seconds."""
        started = perf_counter()
        self._stores[store].finish()
        return perf_counter() - started

    def search(self, store: str, mode: str, first: int, count: int) -> Found:
        """Ask some of the questions, one after the other."""
        found = Found(milliseconds=[], chunks=[])
        for text, vector in self._questions[first : first + count]:
            started = perf_counter()
            chunks = self._stores[store].search(mode, text, vector)
            found["milliseconds"].append((perf_counter() - started) * 1_000)
            found["chunks"].append(chunks)
        return found


if __name__ == "__main__":
    stores = Stores()
    serve(
        {"open": stores.open, "add": stores.add, "finish": stores.finish, "search": stores.search}
    )
