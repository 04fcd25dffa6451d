"""Requests and replies of the search benchmark."""

from __future__ import annotations

from typing import Final, TypedDict

__all__ = ["HITS", "Found"]

HITS: Final = 8
"""Chunks that each search finds, with their texts."""


class Found(TypedDict):
    """The durations of some searches, and the chunks that each found, best first."""

    milliseconds: list[float]
    chunks: list[list[str]]
