"""The quick part of `make drill`: updates of edited services lose nothing and meet the preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drill.__main__ import drill, unexplained

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_updates_of_edited_services_keep_their_promises(tmp_path: Path) -> None:
    """No edit is lost, every other file is the release's, and no conflict lacks a reason."""
    outcomes = list(drill(tmp_path, quick=True))
    assert len(outcomes) > 5
    assert sum(outcome["edits"] for outcome in outcomes) > 300
    problems = {outcome["life"]: unexplained(outcome) for outcome in outcomes}
    assert {} == {life: found for life, found in problems.items() if found}


def test_a_broken_promise_and_a_conflict_without_a_reason_are_problems() -> None:
    """The catalogue explains conflicts, and nothing explains a lost edit."""
    outcome = {"release": "v0.3.0", "life": "own CI jobs", "faults": ["lost"], "conflicts": ["x"]}
    assert ["lost", "conflict: x"] == unexplained(outcome)
    explained = "the lines that the release changes, in a tenth of all files"
    assert ["lost"] == unexplained(outcome | {"life": explained})
