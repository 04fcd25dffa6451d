"""Packing: the blocks of one section fill as few chunks as their order allows."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from app.ingestion.splitting import sentences, split, table_header
from gwkit.documents import BlockKind
from gwkit.text.words import count_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gwkit.documents import Block

__all__ = ["pack"]

_SEPARATOR = "\n\n"
_FINEST_SHARE = 8
"""Over-long sentences are cut to this part of the budget, where no overlap asks for more."""

_TICKS = re.compile(r"`+")
_SHORTEST_FENCE = 3
_HEADER_SHARE = 4
"""The header of a table takes at most this part of the budget, or stands in the first text only."""

_FENCE_SHARE = 8
"""The fences of a listing take at most this part of the budget, or are left out."""


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


def pack(blocks: Sequence[Block], *, budget: int, overlap: int) -> Iterator[str]:
    """Yield texts of at most `budget` tokens that hold the blocks in order.

    A text begins with the end of the one before: whole sentences, blocks or lines of code of at
    most `overlap` tokens together. Code stands between fences (CommonMark, section 4.5), so that
    whoever reads the text can tell it from prose; a listing that is cut has them in each text, and
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
