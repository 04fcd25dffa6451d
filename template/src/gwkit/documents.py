"""Documents with their blocks, and the chunks cut from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Block", "BlockKind", "Chunk", "Document"]


class BlockKind(StrEnum):
    """Kinds of blocks, as chunking tells them apart."""

    HEADING = "heading"
    TEXT = "text"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list, table, code block or heading.

    `level` is 1 to 6 for a heading and 0 for everything else.
    """

    kind: BlockKind
    text: str
    level: int = 0


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
    first; `text` is the cleaned source text, without the headings path.
    """

    position: int
    text: str
    headings: tuple[str, ...]
    tokens: int
