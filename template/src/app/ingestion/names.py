"""Document ids: one spelling for one name, and the file that an id belongs to.

Unicode can write `é` as one character or as two, and macOS hands out file names in the second form
(NFD) while keyboards type the first (NFC). Ids are in NFC.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from app.exceptions import IngestError
from gwkit.text.characters import normalize

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_document_id", "document_name", "id_problem", "locate"]

_MAX_CHARACTERS = 1_024


def document_name(name: str) -> str:
    """Return an id, or a part of one, in NFC."""
    return name if name.isascii() else normalize("NFC", name)


def check_document_id(document: str) -> None:
    """Refuse ids that are no relative path, or that no log line or URL can show.

    Raises:
        IngestError: the id is not allowed.
    """
    if problem := id_problem(document):
        raise IngestError(ascii(document[:_MAX_CHARACTERS])[1:-1], problem)


def id_problem(document: str) -> str:
    """Return why a document cannot have this id, empty if it can."""
    parts = document.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\\" in document:
        return "is not a valid document id: it must be a relative path such as a/b.md"
    if len(document) > _MAX_CHARACTERS:
        return f"has an id of {len(document)} characters; {_MAX_CHARACTERS} are allowed"
    return "" if document.isprintable() else "has an id with characters that cannot be printed"


def locate(root: Path, document: str) -> Path:
    """Return the path of a document's file below a folder, however the file's name is spelt."""
    path = root
    for part in document.split("/"):
        found = path / part
        if not os.path.lexists(found):
            with suppress(OSError, StopIteration):
                found = next(one for one in path.iterdir() if document_name(one.name) == part)
        path = found
    return path
