"""Preparation: from a file or an upload to chunks. Everything here blocks, so threads run it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.exceptions import IngestError
from app.ingestion.chunking import chunk_blocks
from app.ingestion.documents import Chunk, Document
from app.ingestion.ports import UPLOAD

if TYPE_CHECKING:
    from app.ingestion.discovery import SourceFile
    from app.ingestion.loaders import LoaderRegistry
    from app.ingestion.ports import LedgerEntry

__all__ = ["Kept", "Prepared", "Preparer", "check_document_id"]

_MAX_ID_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that is to be written."""

    document: Document
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that the index holds as it is; `source` is where it comes from now."""

    source: str


def check_document_id(document: str) -> None:
    """Refuse ids that are no relative path, or that no log line or URL can show.

    Raises:
        IngestError: the id is not allowed.
    """
    parts = document.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\\" in document:
        raise IngestError(document, "is no document id: it must be a relative path such as a/b.md")
    if len(document) > _MAX_ID_CHARACTERS:
        reason = f"has an id of {len(document)} characters; {_MAX_ID_CHARACTERS} are allowed"
        raise IngestError(document[:_MAX_ID_CHARACTERS], reason)
    if not document.isprintable():
        raise IngestError(ascii(document), "has an id with characters that cannot be printed")


class Preparer:
    """Reads, parses and chunks documents, the same way for all of them.

    Args:
        loaders: what can be read.
        chunk_tokens: most tokens in a chunk.
        chunk_overlap_tokens: most tokens that neighbouring chunks share.
        max_document_bytes: largest document that is read.
    """

    def __init__(
        self,
        loaders: LoaderRegistry,
        *,
        chunk_tokens: int,
        chunk_overlap_tokens: int,
        max_document_bytes: int,
    ) -> None:
        self._loaders = loaders
        self._chunk_tokens = chunk_tokens
        self._chunk_overlap_tokens = chunk_overlap_tokens
        self._max_document_bytes = max_document_bytes

    def prepare_file(self, file: SourceFile, entry: LedgerEntry | None) -> Prepared | Kept:
        """Prepare a file, unless its bytes are what the index holds: then it is only hashed.

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
        loaded = self._loaders.load(document, data)
        chunks = chunk_blocks(
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
        try:
            self._check_size(file.document, file.path.stat().st_size)
            return file.path.read_bytes()
        except OSError as exc:
            reason = f"cannot be read: {exc.strerror}"
            raise IngestError(file.document, reason, passing=True) from exc

    def _check_size(self, document: str, size: int) -> None:
        if size > self._max_document_bytes:
            limit = f"{self._max_document_bytes:,} are allowed (APP_MAX_DOCUMENT_BYTES)"
            raise IngestError(document, f"has {size:,} bytes and {limit}")


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
    other = Path(entry.source, entry.document)
    try:
        return other.is_file() and not other.samefile(file.path)
    except OSError:
        return False
