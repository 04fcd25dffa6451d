"""Plain text: a block per paragraph, that is between blank lines."""

from __future__ import annotations

import re

from app.ingestion.loaders.encoding import decode
from gwkit.documents import Block, BlockKind
from gwkit.parsing.loader import Loaded

__all__ = ["load"]

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


def load(document: str, data: bytes, /) -> Loaded:
    """Read a text file, as `gwkit.parsing.loader.Loader` says.

    Raises:
        IngestError: the encoding is neither UTF-8 nor marked.
    """
    text = decode(document, data).replace("\r\n", "\n").replace("\r", "\n")
    paragraphs = (part.strip("\n") for part in _BLANK_LINE.split(text))
    blocks = tuple(Block(BlockKind.TEXT, part) for part in paragraphs if part.strip())
    return Loaded("", blocks, {"type": "text"})
