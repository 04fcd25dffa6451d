"""The gate of citations catches planted faults, and leaves true answers alone."""

from __future__ import annotations

from collections import Counter

from app.graph.support import find_unsupported
from kit.fixtures.planted_faults import Case, faults, true_answers

_SEEDS = range(150)


def _found(case: Case) -> set[str]:
    return {each.kind for each in find_unsupported(case.answer, case.hits)}


def test_every_planted_fault_is_caught() -> None:
    """Invented, stitched and misattributed quotes, altered numbers and dates, wrong pages."""
    cases = list(faults(_SEEDS))

    missed = [case for case in cases if not _found(case)]

    assert 500 <= len(cases)
    assert {"quote", "number", "date", "page"} == set(Counter(case.kind for case in cases))
    assert [] == [(case.kind, case.answer, case.hits[0].text) for case in missed]


def test_what_is_wrong_is_named() -> None:
    """A quote is not called a number; of another passage's sentence any part can be missing."""
    for case in faults(_SEEDS):
        expected = {"number", "date", "name"} if case.kind == "number" else {case.kind}
        assert _found(case) & expected, (case, _found(case))


def test_true_answers_pass() -> None:
    """Fewer than one in a hundred is marked, over four languages."""
    cases = list(true_answers(_SEEDS))

    alarms = [case for case in cases if _found(case)]

    assert 500 <= len(cases)
    assert len(alarms) < len(cases) / 100, [
        (case.answer, find_unsupported(case.answer, case.hits)) for case in alarms[:3]
    ]
