"""The service's rankings of a collection: its documents cut, indexed and searched by default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.ingestion.chunking import chunk_blocks
from app.wiring import build_registry, open_services, settings_type
from gwkit.documents import Block, BlockKind, Document
from gwkit.logging.setup import configure_logging

from benchmarks.workers import serve
from benchmarks.workers.judged import DEPTH, documents, judgements, ndcg

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

_CHUNKS_PER_DOCUMENT: Final = 5


class Ranking:
    """One collection in an index of its own."""

    async def index(self, folder: str, scratch: str, stack: AsyncExitStack) -> None:
        """Index the documents of a collection."""
        registry = build_registry()
        index_path = Path(scratch, "index.sqlite")
        settings = settings_type(registry)(log_level="ERROR", index_path=index_path)
        configure_logging(settings)
        self._grades = judgements(folder)
        self._services = await stack.enter_async_context(open_services(settings, registry))
        services = self._services
        for id_, title, text in documents(folder):
            heading = [Block(BlockKind.HEADING, title, 1)] if title else []
            blocks = [*heading, Block(BlockKind.TEXT, text)]
            chunks = chunk_blocks(
                blocks, budget=settings.chunk_tokens, overlap=settings.chunk_overlap_tokens
            )
            vectors = await services.embedder.embed_documents([chunk.text for chunk in chunks])
            document = Document(id_, title or id_, "", tuple(blocks))
            await services.index.replace(document, chunks, vectors)

    async def score(self, queries: dict[str, str]) -> list[float]:
        """Return the nDCG@10 of each question that has a judged document."""
        scores = []
        for name, text in queries.items():
            if grades := self._grades.get(name):
                hits = await self._services.retriever.search(text, k=DEPTH * _CHUNKS_PER_DOCUMENT)
                scores.append(ndcg([*dict.fromkeys(hit.document for hit in hits)], grades))
        return scores


if __name__ == "__main__":
    ranking = Ranking()
    serve({"index": ranking.index, "score": ranking.score})
