"""The protocols of loaders: bytes in, blocks out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from gwkit.documents import Block  # noqa: TC001 - pydantic reads what a process replies

__all__ = ["DocumentLoader", "Loaded", "Loader", "SortingLoader"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A parsed document.

    `title` is empty where the document does not name itself; `blocks` are in reading order;
    `metadata` holds at least `type`, such as `markdown`; and as `incomplete` what could not be read
    of the document, if not all could.
    """

    title: str
    blocks: tuple[Block, ...]
    metadata: dict[str, str] = field(default_factory=dict)


class Loader(Protocol):
    """Reads one kind of document; a function of this shape is a loader."""

    def __call__(self, document: str, data: bytes, /) -> Loaded:
        """Parse the bytes of a document; `document` is its id, for the errors.

        Runs in a worker thread. May be called from several at a time.

        Raises:
            IngestError: the document cannot be read, and why.
        """


class DocumentLoader(Protocol):
    """Reads documents of many kinds."""

    @property
    def suffixes(self) -> frozenset[str]:
        """The suffixes that can be loaded, in lower case and with their dot."""

    def load(self, document: str, data: bytes) -> Loaded:
        """Parse and clean a document; blocks, and may be called from several threads at a time.

        Raises:
            IngestError: the document cannot be read, and why; no other error comes from a parser.
        """


class SortingLoader(DocumentLoader, Protocol):
    """Knows which documents have to be parsed in a process of their own.

    It is pickled for such a process, with the loaders that run there.
    """

    def is_risky(self, document: str, size: int) -> bool:
        """Return whether a document of this type and size, in bytes, could take very long."""
