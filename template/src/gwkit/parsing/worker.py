"""A parser process: it loads one document after the other, within limits, until its input ends.

It is started by `gwkit.parsing.pool`, as a new interpreter and not as a copy of the
service: it holds none of the service's secrets, files or connections.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from gwkit.errors import IngestError
from gwkit.parsing.transport import Refusal, encode_reply, read_frame, write_frame

if TYPE_CHECKING:
    from typing import IO

    from gwkit.parsing.loader import DocumentLoader, Loaded

try:
    import resource
except ImportError:  # not on every system; the owner's clock is
    resource = None  # type: ignore[assignment]  # looked at before each use

__all__ = ["READY", "main", "serve"]

READY = b"ready"
"""The reply of a process that is ready for documents."""

_OUT_OF_MEMORY = Refusal(
    "takes more memory to parse than is allowed (APP_PARSE_MEMORY_BYTES)", is_limit=True
)

_XML_NO_MEMORY = 2
"""The code of lxml's syntax errors then (libxml2's XML_ERR_NO_MEMORY)."""


def main(loaders: str, timeout_seconds: float, memory_bytes: int, max_text_bytes: int) -> None:
    """Serve standard input and output, with a bound on the memory of this process.

    Args:
        loaders: the loaders, pickled by the owner, in hexadecimal.
        timeout_seconds: most time of a document; its owner ends the process after it.
        memory_bytes: most memory that this process may map, where the system can bound it.
        max_text_bytes: most text of a document.
    """
    # A signal for the whole group is for the owner, which finishes the document in hand.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Parsers that print must not disturb the replies.
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)
        _bound_memory(memory_bytes)
        unpickled: DocumentLoader = pickle.loads(bytes.fromhex(loaders))  # noqa: S301 - our owner's
        write_frame(replies, READY)
        serve(unpickled, sys.stdin.buffer, replies, timeout_seconds, max_text_bytes)


def serve(
    loaders: DocumentLoader,
    requests: IO[bytes],
    replies: IO[bytes],
    timeout_seconds: float,
    max_text_bytes: int,
) -> None:
    """Reply to requests, each a frame with a document's id and one with its bytes.

    Returns at the end of the requests.
    """
    while (name := read_frame(requests)) is not None:
        data = read_frame(requests) or b""
        _bound_time(timeout_seconds)
        reply = _load(loaders, name.decode("utf-8", "surrogatepass"), data, max_text_bytes)
        write_frame(replies, encode_reply(reply))


def _load(
    loaders: DocumentLoader, document: str, data: bytes, max_text_bytes: int
) -> Loaded | Refusal:
    try:
        loaded = loaders.load(document, data)
        size = sum(len(block.text.encode("utf-8", "replace")) for block in loaded.blocks)
    except IngestError as exc:
        return _OUT_OF_MEMORY if _is_for_want_of_memory(exc) else Refusal(exc.reason)
    except MemoryError:
        return _OUT_OF_MEMORY
    if size > max_text_bytes:
        allowed = f"{max_text_bytes:,} are allowed (APP_MAX_DOCUMENT_BYTES)"
        return Refusal(f"has {size:,} bytes of text and {allowed}")
    return loaded


def _is_for_want_of_memory(error: IngestError) -> bool:
    cause = error.__cause__
    code = getattr(cause, "code", None) if isinstance(cause, SyntaxError) else None
    return isinstance(cause, MemoryError) or code == _XML_NO_MEMORY


def _bound_memory(most: int) -> None:
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        # Some systems know the limit and refuse it; the time stays bounded.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _bound_time(seconds: float) -> None:
    """End this process when a document takes more, also where its owner is gone."""
    if resource is not None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        most = int(usage.ru_utime + usage.ru_stime + seconds) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
