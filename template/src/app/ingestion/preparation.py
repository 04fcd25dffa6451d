"""Preparation: from a file or an upload to chunks. Everything here blocks, so threads run it."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.exceptions import IngestError, ParseLimitError
from app.ingestion.chunking import chunk_blocks
from app.ingestion.names import MAX_ID_CHARACTERS, locate
from app.ingestion.steps import timed_step
from gwkit.documents import Chunk, Document
from gwkit.index.ports import UPLOAD

if TYPE_CHECKING:
    from app.ingestion.discovery import SourceFile
    from app.ingestion.loaders import DocumentLoader
    from gwkit.index.ports import Failure, LedgerEntry
    from gwkit.telemetry.metrics import Metrics

__all__ = ["GivenUp", "Kept", "Prepared", "Preparer", "check_document_id", "id_problem"]

_MOST_ATTEMPTS = 3
"""Attempts at content that exceeds a limit of parsing: each costs all of that limit."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that is to be written."""

    document: Document
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that the index holds as it is; `source` is where it comes from now."""

    source: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A document that has exceeded a limit of parsing often enough, and was not parsed again."""

    reason: str


def check_document_id(document: str) -> None:
    """Refuse ids that are no relative path, or that no log line or URL can show.

    Raises:
        IngestError: the id is not allowed.
    """
    if problem := id_problem(document):
        raise IngestError(ascii(document[:MAX_ID_CHARACTERS])[1:-1], problem)


def id_problem(document: str) -> str:
    """Return why a document cannot have this id, empty if it can."""
    parts = document.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\\" in document:
        return "is no document id: it must be a relative path such as a/b.md"
    if len(document) > MAX_ID_CHARACTERS:
        return f"has an id of {len(document)} characters; {MAX_ID_CHARACTERS} are allowed"
    return "" if document.isprintable() else "has an id with characters that cannot be printed"


class Preparer:
    """Reads, parses and chunks documents, the same way for all of them.

    Args:
        loaders: what can be read.
        metrics: times parsing and chunking.
        chunk_tokens: most tokens in a chunk.
        chunk_overlap_tokens: most tokens that neighbouring chunks share.
        max_document_bytes: largest document that is read.
    """

    def __init__(
        self,
        loaders: DocumentLoader,
        metrics: Metrics,
        *,
        chunk_tokens: int,
        chunk_overlap_tokens: int,
        max_document_bytes: int,
    ) -> None:
        self._load = timed_step(metrics, "parse", loaders.load)
        self._chunk = timed_step(metrics, "chunk", chunk_blocks)
        self._chunk_tokens = chunk_tokens
        self._chunk_overlap_tokens = chunk_overlap_tokens
        self._max_document_bytes = max_document_bytes

    def prepare_file(
        self, file: SourceFile, entry: LedgerEntry | None, failure: Failure | None = None
    ) -> Prepared | Kept | GivenUp:
        """Prepare a file, unless its bytes are what the index holds: then it is only hashed.

        Args:
            file: what was found.
            entry: what the index holds of it.
            failure: what is known of earlier attempts, if they count.

        Raises:
            IngestError: the file cannot be read, or its id belongs to another document.
        """
        if file.problem:
            raise IngestError(file.document, file.problem)
        data = self._read(file)
        content_hash = _hash(data)
        owned_elsewhere = entry is not None and _is_owned_elsewhere(entry, file)
        if entry is not None and entry.content_hash == content_hash:
            return Kept(entry.source if owned_elsewhere else file.source)
        if entry is not None and owned_elsewhere:
            origin = "an upload" if entry.source == UPLOAD else f"the folder {entry.source}"
            reason = f"has the id of another document, from {origin}; rename or remove one of them"
            raise IngestError(file.document, reason)
        if failure and failure.content_hash == content_hash and failure.attempts >= _MOST_ATTEMPTS:
            again = "it is tried again when it changes, or by `python -m app failed retry`"
            return GivenUp(f"{failure.reason}; given up after {failure.attempts} attempts, {again}")
        return self._prepare(file.document, data, content_hash, file.source)

    def prepare_upload(
        self, document: str, data: bytes, entry: LedgerEntry | None
    ) -> Prepared | Kept:
        """Prepare bytes that came with a document id; they replace what has this id.

        Raises:
            IngestError: there are too many bytes, or they cannot be read.
        """
        self._check_size(document, len(data))
        content_hash = _hash(data)
        if entry is not None and entry.content_hash == content_hash:
            return Kept(entry.source)
        return self._prepare(document, data, content_hash, UPLOAD)

    def _prepare(self, document: str, data: bytes, content_hash: str, source: str) -> Prepared:
        try:
            loaded = self._load(document, data)
        except ParseLimitError as exc:
            raise ParseLimitError(document, exc.reason, content_hash=content_hash) from exc
        chunks = self._chunk(
            loaded.blocks, budget=self._chunk_tokens, overlap=self._chunk_overlap_tokens
        )
        return Prepared(
            Document(
                id=document,
                title=loaded.title,
                content_hash=content_hash,
                blocks=loaded.blocks,
                metadata=loaded.metadata,
                source=source,
            ),
            tuple(chunks),
        )

    def _read(self, file: SourceFile) -> bytes:
        """Return a file's bytes, as they were at one time.

        Raises:
            IngestError: it cannot be read, is too large or no file any more, or has changed.
        """
        try:
            with open(file.path, "rb", opener=_open_at_once) as opened:
                before = os.fstat(opened.fileno())
                if not stat.S_ISREG(before.st_mode):
                    raise IngestError(file.document, "is no regular file any more")
                self._check_size(file.document, before.st_size)
                data = opened.read(before.st_size + 1)
                after = os.fstat(opened.fileno())
        except OSError as exc:
            reason = f"cannot be read: {exc.strerror}"
            raise IngestError(file.document, reason, passing=True) from exc
        same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        if not same or len(data) != before.st_size:
            raise IngestError(file.document, "changed while it was read", passing=True)
        return data

    def _check_size(self, document: str, size: int) -> None:
        if size > self._max_document_bytes:
            limit = f"{self._max_document_bytes:,} are allowed (APP_MAX_DOCUMENT_BYTES)"
            raise IngestError(document, f"has {size:,} bytes and {limit}")


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting: what was a file may have become a pipe since it was found."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_owned_elsewhere(entry: LedgerEntry, file: SourceFile) -> bool:
    """Say whether an indexed document is still there, under its id but in another place.

    Without this, two files `README.md` of two folders would overwrite each other for ever. A
    folder that was moved leaves nothing behind, so its documents just change their source.
    """
    if entry.source in {"", file.source}:
        return False
    if entry.source == UPLOAD:
        return True
    other = locate(Path(entry.source), entry.document)
    try:
        return other.is_file() and not other.samefile(file.path)
    except OSError:
        return False
