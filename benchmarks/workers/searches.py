"""What every side of the search benchmark is asked for, and replies."""

from __future__ import annotations

from typing import Final, TypedDict

__all__ = ["HITS", "Found"]

HITS: Final = 8
"""Chunks that each search finds, with their texts."""


class Found(TypedDict):
    """What some searches took, and the chunks that each of them found, best first."""

    milliseconds: list[float]
    chunks: list[list[str]]
