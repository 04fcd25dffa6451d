"""Chunking: a document's blocks become parts of bounded size that read well on their own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from app.ingestion.splitting import first_words, sentences, split, table_header
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

_SEPARATOR = "\n\n"
_FINEST_SHARE = 8
"""Over-long sentences are cut to this part of the budget, where no overlap asks for more."""

_TICKS = re.compile(r"`+")
_SHORTEST_FENCE = 3
_HEADER_SHARE = 4
"""The header of a table takes at most this part of the budget, or stands in the first text only."""

_FENCE_SHARE = 8
"""The fences of a listing take at most this part of the budget, or are left out."""


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
        for text in _pack(group.content, budget=budget, overlap=overlap):
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
        is_short = count_tokens(block.text) <= _HEADING_TOKENS
        short = block.text if is_short else first_words(block.text, _HEADING_TOKENS)
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


class _Piece(NamedTuple):
    """A part of a block that stays together; the pieces of a run follow without a gap.

    `fence` goes before and after a run, which is code then; `header` goes before a run that does
    not begin with it, which is a part of a table then.
    """

    run: int
    block: Block
    start: int
    end: int
    tokens: int
    fence: str
    header: str = ""

    @property
    def repeated(self) -> str:
        """The header with its line end, where a run that begins with this piece needs it."""
        return f"{self.header}\n" if self.header and self.start else ""

    @property
    def around(self) -> int:
        """The tokens of what goes around a run that begins with this piece."""
        return _fence_tokens(self.fence) + count_tokens(self.repeated)


def _pack(blocks: Sequence[Block], *, budget: int, overlap: int) -> Iterator[str]:
    """Yield texts of at most `budget` tokens that hold the blocks in order.

    A text begins with the end of the one before: whole sentences, blocks or lines of code of at
    most `overlap` tokens together. Code stands between fences (CommonMark, section 4.5), so that
    a reader can tell it from prose; a listing that is cut has them in each text, and
    a table that is cut has the names of its columns in each text.

    The bound holds because a text never has more tokens than its parts together, as
    `gwkit.text.words` says.
    """
    current: list[_Piece] = []
    used = 0
    for piece in _pieces(blocks, budget, overlap):
        if current and used + _cost(piece, current[-1]) > budget:
            yield _render(current)
            room = budget - piece.tokens - count_tokens(_SEPARATOR) - piece.around
            current, used = _tail(current, min(overlap, room))
        used += _cost(piece, current[-1] if current else None)
        current.append(piece)
    if current:
        yield _render(current)


def _pieces(blocks: Sequence[Block], budget: int, overlap: int) -> Iterator[_Piece]:
    run = 0
    for block in blocks:
        run += 1
        fence = _fence(block, budget)
        room = budget - _fence_tokens(fence)
        tokens = count_tokens(block.text)
        if tokens <= room:
            yield _Piece(run, block, 0, len(block.text), tokens, fence)
            continue
        header = _header(block, budget)
        room -= count_tokens(f"{header}\n") if header else 0
        grain = min(room, max(1, overlap, budget // _FINEST_SHARE))
        for span in split(block, limit=room, grain=grain):
            if block.text[span.start : span.end].isspace():
                run += 1
            else:
                yield _Piece(run, block, *span, fence, header)


def _fence(block: Block, budget: int) -> str:
    """Return a fence that the code itself does not have; nothing for prose."""
    if block.kind is not BlockKind.CODE:
        return ""
    longest = max(map(len, _TICKS.findall(block.text)), default=0)
    fence = "`" * max(_SHORTEST_FENCE, longest + 1)
    return fence if _fence_tokens(fence) * _FENCE_SHARE <= budget else ""


def _header(block: Block, budget: int) -> str:
    header = table_header(block)
    return header if count_tokens(f"{header}\n") * _HEADER_SHARE <= budget else ""


def _fence_tokens(fence: str) -> int:
    return 2 * count_tokens(f"{fence}\n") if fence else 0


def _cost(piece: _Piece, neighbour: _Piece | None) -> int:
    """Tokens that a piece adds beside another one."""
    if neighbour is not None and neighbour.run == piece.run:
        return piece.tokens
    gap = count_tokens(_SEPARATOR) if neighbour else 0
    return piece.tokens + gap + piece.around


def _tail(pieces: Sequence[_Piece], room: int) -> tuple[list[_Piece], int]:
    """Return the last pieces, and the last sentences before them, that fit; and their tokens."""
    tail: list[_Piece] = []
    used = 0
    for piece in _backwards(pieces):
        cost = _cost(piece, tail[-1] if tail else None)
        if used + cost > room:
            break
        tail.append(piece)
        used += cost
    return tail[::-1], used


def _backwards(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces from the last to the first, prose in sentences."""
    for piece in reversed(pieces):
        if piece.block.kind is BlockKind.CODE or piece.header:
            yield piece
            continue
        for span in reversed(sentences(piece.block.text[piece.start : piece.end])):
            start, end = piece.start + span.start, piece.start + span.end
            yield _Piece(piece.run, piece.block, start, end, span.tokens, piece.fence)


def _render(pieces: Sequence[_Piece]) -> str:
    parts: list[str] = []
    for _, group in groupby(pieces, key=lambda piece: piece.run):
        run = list(group)
        first = run[0]
        text = first.block.text[first.start : run[-1].end]
        # The first line of code keeps its indentation.
        is_code = first.block.kind is BlockKind.CODE
        text = text.strip("\n").rstrip() if is_code else first.repeated + text.strip()
        parts.append(f"{first.fence}\n{text}\n{first.fence}" if first.fence else text)
    return _SEPARATOR.join(parts)
