"""Document ids: one spelling for one name, and the file that an id belongs to.

Unicode can write `é` as one character or as two, and macOS hands out file names in the second form
(NFD) while keyboards type the first (NFC). Ids are in NFC.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from gwkit.text.normalization import normalize

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MAX_ID_CHARACTERS", "document_name", "locate"]

MAX_ID_CHARACTERS = 1_024


def document_name(name: str) -> str:
    """Return an id, or a part of one, in NFC."""
    return normalize("NFC", name)


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
