"""Grouping of the tests of renders: shared processes, and the inner loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest.mark.structures import ParameterSet

__all__ = ["each"]

# `make test` renders the other answer sets too.
_QUICK: Final = frozenset({"defaults", "bare", "everything"})


def each(names: Iterable[str]) -> list[ParameterSet]:
    """Return names of answer sets as parameters; the tests of one set run in one process."""
    return [
        pytest.param(
            name,
            marks=[pytest.mark.xdist_group(name), *([] if name in _QUICK else [pytest.mark.slow])],
        )
        for name in names
    ]
