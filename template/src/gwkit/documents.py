"""Documents with their blocks, and the chunks cut from them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Block", "BlockKind", "Chunk", "Document", "Place", "place_at"]


class BlockKind(StrEnum):
    """Kinds of blocks, as chunking tells them apart."""

    HEADING = "heading"
    TEXT = "text"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands in the file that it was read from, from its character `start` on.

    `page` counts pages or slides from 1, whatever number is printed on them; `row` counts the rows
    of a `sheet` from 1. What is not known is 0 or empty.
    """

    start: int
    page: int = 0
    sheet: str = ""
    row: int = 0


def place_at(places: Sequence[Place], offset: int) -> Place:
    """Return the place of the character at an offset; an empty one where none is known."""
    number = bisect_right(places, offset, key=attrgetter("start")) if places else 0
    return places[number - 1] if number else Place(0)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list, table, code block or heading.

    `level` is 1 to 6 for a heading and 0 for everything else. `places` are in order; a text before
    the first, or in a format without pages, has none.
    """

    kind: BlockKind
    text: str
    level: int = 0
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A loaded document.

    `id` is the path relative to the ingested root, with `/`; `content_hash` is the SHA-256 of the
    file's bytes in hexadecimal; `metadata` is what filters can ask for, and
    under `incomplete` says what could not be read; `source` is where the id is
    relative to, as in `gwkit.index.store.LedgerEntry`.
    """

    id: str
    title: str
    content_hash: str
    blocks: tuple[Block, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document that is embedded, searched and cited as one.

    `position` counts from 0 within the document; `headings` are those above the chunk, outermost
    first; `text` is the cleaned source text, without the headings path; `places` are as in a block.
    """

    position: int
    text: str
    headings: tuple[str, ...]
    tokens: int
    places: tuple[Place, ...] = ()
