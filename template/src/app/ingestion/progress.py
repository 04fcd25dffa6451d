"""How ingestion reports where it is; what is drawn is the command line's matter."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "SilentProgress"]


class Progress(Protocol):
    """Follows one run; called from the event loop, so it must not block."""

    def start(self, total: int) -> None:
        """A run over `total` documents begins."""
        ...

    def begin(self, document: str) -> None:
        """This document is the one that is waited for: parsed, embedded or written."""
        ...

    def advance(self) -> None:
        """That document is done, whatever came of it."""
        ...

    def finish(self) -> None:
        """The run has ended, also when it failed or was cancelled."""
        ...


class SilentProgress:
    """Shows nothing."""

    def start(self, total: int) -> None:
        """Ignore it."""

    def begin(self, document: str) -> None:
        """Ignore it."""

    def advance(self) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""
