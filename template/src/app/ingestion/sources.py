"""Sources: where documents come from that are no files of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Source", "SourceDocument"]


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document of a source: its id, a relative path with a suffix such as `.md`, its bytes."""

    id: str
    data: bytes


class Source(Protocol):
    """Holds documents, such as a bucket or a wiki; `ingest --source NAME` follows it."""

    def documents(self) -> AsyncIterator[SourceDocument]:
        """Yield every document; one that is not yielded any more leaves the index.

        Raises:
            IngestError: the source cannot be read; then nothing is removed.
        """
        ...
