"""Chunking: a document's blocks become parts of bounded size that read well on their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.ingestion.packing import pack
from app.ingestion.splitting import first_words
from gwkit.documents import Block, BlockKind, Chunk
from gwkit.executor import checkpoint
from gwkit.text.words import count_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["CHUNKER_NAME", "chunk_blocks"]

CHUNKER_NAME = "blocks-v3"
"""Recorded in the index manifest. Another way to cut documents needs another name."""

_HEADING_TOKENS = 32
"""Most tokens of one heading in a chunk's path; a longer one is also kept as text, whole."""

_TINY_SHARE = 4
"""A section below this part of the budget is joined with its equally small neighbours."""


def chunk_blocks(blocks: Iterable[Block], *, budget: int, overlap: int) -> list[Chunk]:
    """Cut a document into chunks of at most `budget` tokens of text, numbered from 0.

    A chunk stays within one section, except that tiny neighbouring sections under one parent share
    a chunk, which then names them in its text. Blocks stay whole where they fit; a longer one is
    split at paragraphs, sentences, words and at last characters, code at blank lines and lines.
    Code stands between fences, and each part of a table begins with the table's header. A chunk
    begins with the last sentences of the one before it in the same section, at most `overlap`
    tokens. All text is kept, in order; the time is linear in its length.

    Args:
        blocks: the document in reading order, cleaned.
        budget: most tokens in a chunk's text, at least 1; its headings come on top, at most
            32 tokens for each level.
        overlap: most tokens that two neighbouring chunks share, less than `budget`.
    """
    chunks: list[Chunk] = []
    for group in _grouped(_sections(blocks), budget):
        for text in pack(group.content, budget=budget, overlap=overlap):
            checkpoint()
            chunks.append(Chunk(len(chunks), text, group.path, count_tokens(text)))
    return chunks


@dataclass(slots=True)
class _Section:
    """A heading and what stands below it, up to the next heading of any level."""

    parent: tuple[str, ...] = ()
    heading: str = ""
    level: int = 0
    body: list[Block] = field(default_factory=list)

    @property
    def path(self) -> tuple[str, ...]:
        # A heading without a body is the text itself.
        return (*self.parent, self.heading) if self.heading and self.body else self.parent

    @property
    def content(self) -> Sequence[Block]:
        return self.body or self.titled

    @property
    def titled(self) -> Sequence[Block]:
        """The heading as text, then the body."""
        title = [Block(BlockKind.TEXT, self.heading)] if self.heading else []
        return title + self.body

    @property
    def tokens(self) -> int:
        """An upper bound of the tokens of `titled`, with a blank line after each block."""
        return sum(count_tokens(block.text) + count_tokens("\n\n") for block in self.titled)


def _sections(blocks: Iterable[Block]) -> Iterator[_Section]:
    """Yield the sections that hold text; a heading directly above a deeper one is in its path."""
    path: list[tuple[int, str]] = []
    section = _Section()
    for block in blocks:
        if not block.text.strip():
            continue
        if block.kind is not BlockKind.HEADING:
            section.body.append(block)
            continue
        level = max(1, block.level)
        if section.body or (section.heading and section.level >= level):
            yield section
        while path and path[-1][0] >= level:
            path.pop()
        parent = tuple(text for _, text in path)
        short = first_words(block.text, _HEADING_TOKENS)
        section = _Section(parent, short, level)
        if short != block.text:
            section.body.append(Block(BlockKind.TEXT, block.text))
        path.append((level, short))
    if section.body or section.heading:
        yield section


def _grouped(sections: Iterable[_Section], budget: int) -> Iterator[_Section]:
    """Join runs of tiny sections of one level under one parent, as far as they fit a chunk."""
    group: list[_Section] = []
    used = 0
    for section in sections:
        tokens = section.tokens
        tiny = tokens * _TINY_SHARE <= budget
        last = group[-1] if group else None
        joins = (
            tiny
            and last is not None
            and used + tokens <= budget
            and (section.parent, section.level) == (last.parent, last.level)
        )
        if not joins:
            if group:
                yield _joined(group)
                group.clear()
            if not tiny:
                yield section
                continue
            used = 0
        group.append(section)
        used += tokens
    if group:
        yield _joined(group)


def _joined(group: Sequence[_Section]) -> _Section:
    if len(group) == 1:
        return group[0]
    body = [block for section in group for block in section.titled]
    return _Section(group[0].parent, body=body)
