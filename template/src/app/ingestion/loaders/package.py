"""Office files as archives of XML parts: unpacked within limits, and found by their relations.

Names of elements and attributes lose their namespaces, which differ between transitional and strict
files.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from typing import TYPE_CHECKING

from lxml import etree

from app.exceptions import IngestError

if TYPE_CHECKING:
    from lxml.etree import _Element  # allow DEP5: its documented name

__all__ = ["Package", "number", "value"]

_MAX_UNPACKED_BYTES = 250_000_000
_MAX_PARTS = 10_000
_SUSPICIOUS_BYTES = 20_000_000
_SUSPICIOUS_RATIO = 200
"""Text packs to a tenth, very uniform tables to a fiftieth; a bomb of this size packs better."""


class Package:
    """The parts of an Office file (ISO/IEC 29500-2), transitional or strict.

    Args:
        document: the document's id, for the errors.
        data: its bytes.

    Raises:
        IngestError: the archive has no end or too many parts, or unpacks to too much.
    """

    def __init__(self, document: str, data: bytes) -> None:
        self._document = document
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except zipfile.BadZipFile as exc:
            raise IngestError(document, "is cut off or damaged; copy or save it again") from exc
        parts = self._archive.infolist()
        if len(parts) > _MAX_PARTS:
            reason = f"is an archive of {len(parts):,} parts; a Word file has few"
            raise IngestError(document, reason)
        # The archive declares these sizes, and its reader unpacks no part beyond them.
        size = sum(part.file_size for part in parts)
        is_bomb = size > max(_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO * len(data))
        if is_bomb or size > _MAX_UNPACKED_BYTES:
            reason = f"unpacks from {len(data):,} to {size:,} bytes; that is refused"
            raise IngestError(document, reason)
        self._names = {part.filename for part in parts}

    def relations(self, source: str = "") -> dict[str, tuple[str, str]]:
        """Return kind and part of what a part relates to, by id; without a part, of the package."""
        folder, name = posixpath.split(source)
        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if relations not in self._names:
            return {}
        found = {}
        for one in self.read(relations):
            path = posixpath.join("/", folder, one.get("Target", ""))
            target = posixpath.normpath(path).lstrip("/")
            if target in self._names:
                found[one.get("Id", "")] = one.get("Type", "").rpartition("/")[2], target
        return found

    def read(self, part: str) -> _Element:
        """Return the root of a part's XML.

        Raises:
            IngestError: it declares entities, which stay unread, so text would be missing.
        """
        parser = etree.XMLParser(resolve_entities=False, remove_comments=True, remove_pis=True)
        root = etree.fromstring(self._archive.read(part), parser)
        if root.getroottree().docinfo.internalDTD is not None:
            raise IngestError(self._document, "declares a document type, which no Word file does")
        for element in root.iter("{*}*"):
            element.tag = _local(str(element.tag))
            for name, text in element.items():
                element.set(_local(str(name)), text)
        return root


def value(element: _Element | None, path: str) -> str:
    """Return the `val` of the first element at a path, or an empty text."""
    found = element.find(path) if element is not None else None
    return found.get("val", "") if found is not None else ""


def number(element: _Element, path: str, default: int) -> int:
    """Return the number that the first element at a path has as its `val`, or the default."""
    found = value(element, path)
    return int(found[:4]) if found.isdecimal() else default


def _local(name: str) -> str:
    return name.rpartition("}")[2]
