"""What becomes of a model's text before anybody sees it, whether it streams or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.graph.citations import CitationNumbering
from app.graph.links import InertLinks

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["ReplyText"]


class ReplyText:
    """Passes a reply's text through: its citations are counted anew, its links become inert.

    Args:
        known: the numbers of the passages that were sent.
    """

    def __init__(self, known: Collection[int]) -> None:
        self._citations = CitationNumbering(known)
        self._links = InertLinks()

    @property
    def cited(self) -> tuple[int, ...]:
        """The passages' numbers in the order of their citations."""
        return self._citations.cited

    def feed(self, text: str) -> str:
        """Take a piece and return what is certain by now."""
        return self._links.feed(self._citations.feed(text))

    def finish(self) -> str:
        """Return what was held back, as no more text comes."""
        return self._links.feed(self._citations.finish()) + self._links.finish()
