"""Chunking: a document's blocks become parts of bounded size that read well on their own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from app.ingestion.splitting import Span, first_words, sentences, split, table_header
from gwkit.documents import Block, BlockKind, Chunk, Place, place_at
from gwkit.executor import checkpoint
from gwkit.text.characters import count_tokens

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
_GAP = count_tokens(_SEPARATOR)
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
        # A heading without a body is the text itself.
        for text in _pack(group.body or group.titled, budget=budget, overlap=overlap):
            checkpoint()
            tokens = count_tokens(text.written)
            chunks.append(Chunk(len(chunks), text.written, group.path, tokens, tuple(text.places)))
    return chunks


@dataclass(slots=True)
class _Section:
    """A heading and what stands below it, up to the next heading of any level."""

    parent: tuple[str, ...] = ()
    heading: str = ""
    level: int = 0
    places: tuple[Place, ...] = ()
    body: list[Block] = field(default_factory=list)

    @property
    def path(self) -> tuple[str, ...]:
        return (*self.parent, self.heading) if self.heading and self.body else self.parent

    @property
    def titled(self) -> Sequence[Block]:
        """The heading as text, then the body."""
        if not self.heading:
            return self.body
        return [Block(BlockKind.TEXT, self.heading, places=self.places), *self.body]

    @property
    def tokens(self) -> int:
        """An upper bound of the tokens of `titled`, with a blank line after each block."""
        return sum(count_tokens(block.text) + _GAP for block in self.titled)


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
        section = _Section(parent, short, level, block.places)
        if not is_short:
            section.body.append(Block(BlockKind.TEXT, block.text, places=block.places))
        path.append((level, short))
    if section.body or section.heading:
        yield section


def _grouped(sections: Iterable[_Section], budget: int) -> Iterator[_Section]:
    """Join runs of tiny sections of one level under one parent, as far as they fit a chunk."""
    group: _Section | None = None
    room = 0
    for section in sections:
        tokens = section.tokens
        is_tiny = tokens * _TINY_SHARE <= budget
        place = (section.parent, section.level)
        if group and is_tiny and tokens <= room and place == (group.parent, group.level):
            body = [*group.titled, *section.titled]
            group = _Section(group.parent, level=group.level, body=body)
            room -= tokens
            continue
        if group:
            yield group
        group = section
        room = budget - tokens if is_tiny else 0
    if group:
        yield group


class _Piece(NamedTuple):
    """A part of a block that stays together; the pieces of a run follow without a gap.

    `opening` and `closing` go around a run that begins with this piece: fences around code, and the
    header before a part of a table. Only prose is taken apart for the overlap.
    """

    run: int
    block: Block
    start: int
    end: int
    tokens: int
    opening: str = ""
    closing: str = ""
    is_prose: bool = True

    def cost(self, neighbour: _Piece | None) -> int:
        """Return the tokens that this piece adds beside another one."""
        if neighbour and neighbour.run == self.run:
            return self.tokens
        return self.tokens + self.around + (_GAP if neighbour else 0)

    @property
    def around(self) -> int:
        """The tokens of what goes around a run that begins with this piece."""
        return count_tokens(self.opening) + count_tokens(self.closing) if self.opening else 0


@dataclass(slots=True)
class _Text:
    """The text of a chunk as it is written, and where its parts stand in the document."""

    written: str = ""
    places: list[Place] = field(default_factory=list)

    def begin(self, place: Place) -> None:
        """Note where stands what is written next, if it stands elsewhere."""
        before = self.places[-1] if self.places else Place(0)
        if (place.page, place.sheet, place.row) != (before.page, before.sheet, before.row):
            self.places.append(replace(place, start=len(self.written)))


def _pack(blocks: Sequence[Block], *, budget: int, overlap: int) -> Iterator[_Text]:
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
        if current and used + piece.cost(current[-1]) > budget:
            yield _render(current)
            room = budget - piece.tokens - _GAP - piece.around
            current, used = _tail(current, min(overlap, room))
        used += piece.cost(current[-1] if current else None)
        current.append(piece)
    if current:
        yield _render(current)


def _pieces(blocks: Sequence[Block], budget: int, overlap: int) -> Iterator[_Piece]:
    run = 0
    for block in blocks:
        run += 1
        is_code = block.kind is BlockKind.CODE
        fence = _fence(block.text, budget) if is_code else ""
        opening, closing = (f"{fence}\n", f"\n{fence}") if fence else ("", "")
        room = budget - count_tokens(opening) - count_tokens(closing)
        whole = Span(0, len(block.text), count_tokens(block.text))
        header = "" if whole.tokens <= room else table_header(block)
        if count_tokens(header) * _HEADER_SHARE > budget:
            header = ""
        is_prose = not is_code and not header
        room -= count_tokens(header)
        grain = min(room, max(1, overlap, budget // _FINEST_SHARE))
        for span in (whole,) if whole.tokens <= room else split(block, limit=room, grain=grain):
            if block.text[span.start : span.end].isspace():
                run += 1
            else:
                before = opening or (header if span.start else "")
                yield _Piece(run, block, *span, before, closing, is_prose)


def _fence(code: str, budget: int) -> str:
    """Return a fence that the code itself does not have."""
    longest = max(map(len, _TICKS.findall(code)), default=0)
    fence = "`" * max(_SHORTEST_FENCE, longest + 1)
    return fence if 2 * count_tokens(f"{fence}\n") * _FENCE_SHARE <= budget else ""


def _tail(pieces: Sequence[_Piece], room: int) -> tuple[list[_Piece], int]:
    """Return the last pieces, and the last sentences before them, that fit; and their tokens."""
    tail: list[_Piece] = []
    used = 0
    for piece in _backwards(pieces):
        cost = piece.cost(tail[-1] if tail else None)
        if used + cost > room:
            break
        tail.append(piece)
        used += cost
    return tail[::-1], used


def _backwards(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces from the last to the first, prose in sentences."""
    for piece in reversed(pieces):
        if not piece.is_prose:
            yield piece
            continue
        for start, end, tokens in reversed(sentences(piece.block.text[piece.start : piece.end])):
            yield _Piece(piece.run, piece.block, piece.start + start, piece.start + end, tokens)


def _render(pieces: Sequence[_Piece]) -> _Text:
    text = _Text()
    for _, group in groupby(pieces, key=lambda piece: piece.run):
        run = list(group)
        first, block = run[0], run[0].block
        # The first line of code keeps its indentation.
        space = "\n" if block.kind is BlockKind.CODE else None
        source = block.text[first.start : run[-1].end]
        start = first.start + len(source) - len(source.lstrip(space))
        end = first.start + len(source.rstrip())
        text.written += _SEPARATOR if text.written else ""
        if first.opening:  # a header is the beginning of its block
            text.begin(place_at(block.places, 0))
            text.written += first.opening
        text.begin(place_at(block.places, start))
        for place in block.places:
            if start < place.start < end:
                text.written += block.text[start : place.start]
                text.begin(place)
                start = place.start
        text.written += f"{block.text[start:end]}{first.closing}"
    return text
