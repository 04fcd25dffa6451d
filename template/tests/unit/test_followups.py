"""Follow-ups become questions of their own, by rules; `followups.jsonl` has what is expected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.graph.followups import standalone_question
from app.graph.state import Turn

_CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("followups.jsonl").read_text("utf-8").splitlines()
]
_QUESTIONS = sorted(
    {case["question"] for case in _CASES} | {case["before"][0]["content"] for case in _CASES}
)


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["question"])
def test_a_follow_up_becomes_a_question_of_its_own(case: dict[str, object]) -> None:
    """Pronouns, parts of questions and question words alone, in four languages."""
    before = [Turn.model_validate(turn) for turn in case["before"]]  # type: ignore[attr-defined]

    assert case["standalone"] == standalone_question(str(case["question"]), before)


def test_there_are_enough_of_them() -> None:
    """At least 40 are rewritten, and some questions stand by themselves."""
    rewritten = [case for case in _CASES if case["standalone"] != case["question"]]

    assert 40 <= len(rewritten) < len(_CASES)


@pytest.mark.parametrize("question", _QUESTIONS)
def test_a_first_question_is_never_changed(question: str) -> None:
    """Without a question before it, nothing is known of what it could mean."""
    assert question == standalone_question(question, [])
    assert question == standalone_question(question, [Turn(role="assistant", content="Hello.")])


@pytest.mark.parametrize("question", ["?", "…", "a" * 400, "it " * 200])
def test_any_text_is_taken(question: str) -> None:
    """What is no question, or a long one, stays as it is."""
    assert question == standalone_question(question, [Turn(role="user", content="What is this?")])


def test_only_the_last_messages_count() -> None:
    """A long conversation takes no longer than a short one."""
    old = [Turn(role="user", content="How much is the rent in Rome?")] * 40
    last = [Turn(role="user", content="How do I request parental leave?")]

    asked = standalone_question("How long does it take?", [*old, *last])

    assert "How long does parental leave take?" == asked
