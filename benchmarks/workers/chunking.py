"""The service's chunker, and the same texts for others."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter

from app.config.settings import Settings
from app.ingestion.chunking import chunk_blocks
from app.ingestion.loaders import LoaderRegistry
from gwkit.text.characters import BYTES_PER_TOKEN

from benchmarks.workers import serve


class Chunker:
    """Splits Markdown in memory."""

    def read(self, folder: str, texts: str) -> dict[str, int]:
        """Read a folder; write its texts into a file; return the sizes that others should cut to.

        The file has each document twice: the Markdown as it is, and the text of the blocks.
        """
        self._loaders = LoaderRegistry()
        self._settings = Settings()
        paths = sorted(Path(folder).rglob("*.md"))
        self._documents = [(path.name, path.read_bytes()) for path in paths]
        self._blocks = [self._loaders.load(*document).blocks for document in self._documents]
        plain = ["\n\n".join(block.text for block in blocks) for blocks in self._blocks]
        markdown = [data.decode(errors="replace") for _, data in self._documents]
        Path(texts).write_text(json.dumps({"plain": plain, "markdown": markdown}), encoding="utf-8")
        self._bytes = {
            kind: sum(len(text.encode()) for text in each)
            for kind, each in (("plain", plain), ("markdown", markdown))
        }
        return {
            "size": self._settings.chunk_tokens * BYTES_PER_TOKEN,
            "overlap": self._settings.chunk_overlap_tokens * BYTES_PER_TOKEN,
            "bytes": self._bytes["markdown"],
        }

    def cut(self, kind: str) -> tuple[float, int]:
        """Return the MB a second, and the number of chunks.

        Args:
            kind: `plain` for blocks that are parsed already, `markdown` for parsing as well.
        """
        limits = {
            "budget": self._settings.chunk_tokens,
            "overlap": self._settings.chunk_overlap_tokens,
        }
        chunks = 0
        started = perf_counter()
        if kind == "plain":
            for blocks in self._blocks:
                chunks += len(chunk_blocks(blocks, **limits))
        else:
            for name, data in self._documents:
                chunks += len(chunk_blocks(self._loaders.load(name, data).blocks, **limits))
        return self._bytes[kind] / (perf_counter() - started) / 1e6, chunks


if __name__ == "__main__":
    chunker = Chunker()
    serve({"read": chunker.read, "cut": chunker.cut})
