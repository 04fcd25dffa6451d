"""Splitters of other libraries, for the same texts as the service's chunker."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from langchain_text_splitters import MarkdownHeaderTextSplitter, RecursiveCharacterTextSplitter
from semantic_text_splitter import MarkdownSplitter, TextSplitter

from benchmarks.workers import serve

if TYPE_CHECKING:
    from collections.abc import Callable


class Splitters:
    """Two libraries, each with a splitter for plain text and one for Markdown."""

    def read(self, texts: str, size: int, overlap: int) -> None:
        """Read the texts, and make the splitters.

        Args:
            texts: the file that the service's chunker has written.
            size: most characters in a chunk.
            overlap: most characters that neighbouring chunks share.
        """
        self._texts = json.loads(Path(texts).read_text(encoding="utf-8"))
        recursive = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=overlap)
        sections = MarkdownHeaderTextSplitter([("#" * level, str(level)) for level in range(1, 7)])
        self._cutters: dict[str, Callable[[str], list[object]]] = {
            "langchain plain": recursive.split_text,
            "langchain markdown": lambda text: recursive.split_documents(sections.split_text(text)),
            "semantic plain": TextSplitter(size, overlap).chunks,
            "semantic markdown": MarkdownSplitter(size, overlap).chunks,
        }

    def cut(self, library: str, kind: str) -> tuple[float, int]:
        """Return the MB a second, and the number of chunks."""
        texts, cutter = self._texts[kind], self._cutters[f"{library} {kind}"]
        chunks = 0
        started = perf_counter()
        for text in texts:
            chunks += len(cutter(text))
        taken = perf_counter() - started
        return sum(len(text.encode()) for text in texts) / taken / 1e6, chunks


if __name__ == "__main__":
    splitters = Splitters()
    serve({"read": splitters.read, "cut": splitters.cut})
