"""How a parser process and its owner talk: frames of bytes, and what was parsed as JSON.

A parser that hostile bytes have taken over can send any reply. JSON makes it text at worst, where
pickled objects would run code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

    from gwkit.parsing.loader import Loaded

__all__ = ["Refusal", "encode_reply", "read_frame", "write_frame"]

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
    """Return a reply as JSON, in which a dataclass is an object of its fields."""
    text = json.dumps(reply, default=_fields, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def _fields(value: Loaded) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}
