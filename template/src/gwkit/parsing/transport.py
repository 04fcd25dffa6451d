"""How a parser process and its owner talk: frames of bytes, and what was parsed as JSON.

A parser that hostile bytes have taken over can send any reply. JSON makes it text at worst, where
pickled objects would run code.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from gwkit.documents import Block, BlockKind, Place
from gwkit.errors import IngestError, ParseLimitError
from gwkit.parsing.loader import Loaded

if TYPE_CHECKING:
    from typing import IO

__all__ = ["Refusal", "decode_reply", "encode_reply", "read_frame", "write_frame"]

_LENGTH_BYTES = 8
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document was not loaded; `is_limit` where it took too much of something."""

    reason: str
    is_limit: bool = False


def write_frame(stream: IO[bytes], content: bytes) -> None:
    """Write a frame: its length, then its content.

    Raises:
        OSError: the stream has no reader.
    """
    stream.write(len(content).to_bytes(_LENGTH_BYTES, "big"))
    stream.write(content)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Return the content of the next frame, or `None` where the stream ends before its end."""
    header = stream.read(_LENGTH_BYTES)
    if len(header) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(header, "big")
    content = bytearray()
    # In pieces, so that a length that is a lie reserves no memory.
    while len(content) < length:
        piece = stream.read(min(length - len(content), _PIECE_BYTES))
        if not piece:
            return None
        content += piece
    return bytes(content)


def encode_reply(reply: Loaded | Refusal) -> bytes:
    """Return a reply as JSON."""
    if isinstance(reply, Refusal):
        content: dict[str, object] = {"reason": reply.reason, "is_limit": reply.is_limit}
    else:
        blocks = [
            (block.kind, block.text, block.level, list(map(astuple, block.places)))
            for block in reply.blocks
        ]
        content = {"title": reply.title, "blocks": blocks, "metadata": reply.metadata}
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")


def decode_reply(document: str, frame: bytes) -> Loaded:
    """Return the document that a reply holds.

    Raises:
        IngestError: it holds a refusal.
        ParseLimitError: it holds one for a limit, or is no reply at all.
    """
    try:
        content: dict[str, Any] = json.loads(frame)
        if "reason" in content:
            error = ParseLimitError if content["is_limit"] else IngestError
            raise error(document, str(content["reason"]))
        blocks = (
            Block(BlockKind(kind), str(text), int(level), tuple(map(_place, places)))
            for kind, text, level, places in content["blocks"]
        )
        metadata = {str(key): str(value) for key, value in content["metadata"].items()}
        return Loaded(str(content["title"]), tuple(blocks), metadata)
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise ParseLimitError(document, "the parser returned an invalid reply") from exc


def _place(values: list[Any]) -> Place:
    start, page, sheet, row = values
    return Place(int(start), int(page), str(sheet), int(row))
