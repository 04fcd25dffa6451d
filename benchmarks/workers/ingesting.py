"""Ingestion of parsed documents: chunking, embedding and writing."""

from __future__ import annotations

import asyncio
from collections import deque
from hashlib import sha256
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypedDict

from app.config.settings import Settings
from app.ingestion.chunking import CHUNKER_NAME, chunk_blocks
from app.ingestion.preparation import AHEAD, DocumentWriter
from gwkit.documents import Block, BlockKind, Chunk, Document
from gwkit.index.sqlite import SqliteIndex
from gwkit.index.store import Manifest
from gwkit.logging.setup import configure_logging
from gwkit.offline.no_embedder import NoEmbedder
from gwkit.telemetry.metrics import Metrics

from benchmarks.synthetic import documents
from benchmarks.workers import serve

if TYPE_CHECKING:
    from app.ingestion.preparation import Ready, Unchanged

    from benchmarks.synthetic import Synthetic

_BATCH: Final = 100


class Written(TypedDict):
    """The result of an ingestion, and its cost."""

    chunks: int
    seconds: float
    peak_megabytes: float


async def write(index: str, chunks: int) -> Written:
    """Make an index of synthetic documents of so many texts, as the pipeline would.

    The documents are made with the clock stopped, some at a time, and stand for parsed ones.
    """
    settings = Settings(log_level="WARNING")
    configure_logging(settings)
    embedder = NoEmbedder()
    manifest = Manifest(embedder.name, embedder.dimension, CHUNKER_NAME)
    written, seconds = 0, 0.0
    made = documents(chunks)
    async with await SqliteIndex.open(Path(index), manifest) as store:
        writer = DocumentWriter(
            index=store,
            embedder=embedder,
            metrics=Metrics(),
            settings=settings,
        )
        while batch := [_parsed(each) for each in islice(made, _BATCH)]:
            started = perf_counter()
            window: deque[asyncio.Task[Ready | Unchanged]] = deque()
            for document in batch:
                ready = writer.prepare(_chunked, document, settings)
                window.append(asyncio.create_task(ready))
                if len(window) == AHEAD:
                    await writer.write(await window.popleft(), None)
            for task in window:
                await writer.write(await task, None)
            seconds += perf_counter() - started
        written = sum(entry.chunks for entry in await store.documents())
    return Written(chunks=written, seconds=seconds, peak_megabytes=_peak_megabytes())


def _parsed(document: Synthetic) -> Document:
    title = " ".join(document.subject[:3])
    blocks = [
        Block(BlockKind.HEADING, title, 1),
        *(Block(BlockKind.TEXT, text) for text in document.chunks),
    ]
    content_hash = sha256(document.id.encode()).hexdigest()
    return Document(document.id, title, content_hash, tuple(blocks))


def _chunked(document: Document, settings: Settings) -> tuple[Document, list[Chunk]]:
    chunks = chunk_blocks(
        document.blocks, budget=settings.chunk_tokens, overlap=settings.chunk_overlap_tokens
    )
    return document, chunks


def _peak_megabytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    serve({"write": write})
