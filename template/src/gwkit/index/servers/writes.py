"""Documents without transactions: each write has a number, and a document names its current one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gwkit.index.store import UPLOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from gwkit.index.store import SearchQuery

__all__ = ["Write", "fuse", "take_over"]

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Write:
    """The current write of a document: its number, and where the document comes from."""

    source: str
    number: int


def take_over(
    old: Mapping[str, Write], new: Mapping[str, Write], since: int
) -> tuple[list[str], list[str]]:
    """Return the documents to delete from a rebuilt index, and those to copy from the old one.

    Uploads are as in the old index. Of other documents only those are copied that the new index
    does not have, and that were written to the old one while the new one grew.

    Args:
        old: the documents of the index that is replaced.
        new: those of the rebuilt one.
        since: the version of the old index when the rebuild began.
    """
    gone = [name for name, write in new.items() if write.source == UPLOAD and name not in old]
    copied = []
    for name, write in old.items():
        if write.source == UPLOAD:
            is_newer = name not in new or new[name].number != write.number
        else:
            is_newer = name not in new and write.number > since
        if is_newer:
            copied.append(name)
    return gone, copied


def fuse(
    query: SearchQuery,
    legs: Sequence[Sequence[tuple[_Found, float]]],
    weights: Sequence[float],
    place: Callable[[_Found], Hashable],
) -> list[tuple[_Found, float]]:
    """Return at most `query.k` of what the legs found, with scores, best first.

    Args:
        query: decides about the ranking.
        legs: what each leg found with its scores, best first.
        weights: what a rank of each leg counts.
        place: of something found; what has the same place is one hit.
    """
    numbers: dict[Hashable, int] = {}
    hits: list[_Found] = []
    rankings = []
    for leg in legs:
        ranking = []
        for found, score in leg:
            number = numbers.setdefault(place(found), len(hits))
            if number == len(hits):
                hits.append(found)
            ranking.append((number, score))
        rankings.append(ranking)
    best = query.ranking.fuse(rankings, weights)[: max(0, query.k)]
    return [(hits[number], score) for number, score in best]
