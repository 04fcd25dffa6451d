"""Selecting and formatting quotes."""

from __future__ import annotations

from time import process_time

import pytest

from gwkit.models.messages import Passage
from gwkit.offline.extraction import extract
from gwkit.offline.extractive import format_answer

HOLD = Passage(
    number=1,
    document="collecting.md",
    heading="Collecting > How long a parcel waits",
    text="A parcel waits for 72 hours. It can be extended once, by 48 hours.\n\n"
    "During these days you can:\n\n- collect it at the depot\n- have it delivered again",
)
STEPS = Passage(
    number=2,
    document="doors.md",
    heading="A door that does not open",
    text="1. Press the door inward.\n2. Run the test [3].\n3. Replace the latch.",
)
PLANS = Passage(
    number=3,
    document="plans.md",
    heading="Plans",
    text="Plan | Requests | Fee\nStarter | 60 | none\nGrowth | 300 | 49",
)
SIGNATURE = Passage(
    number=4,
    document="webhooks.md",
    heading="Webhooks > Check the signature",
    text="Compare the signature of a webhook with your own:\n\n"
    "```\nassert digest == parts[1]\n```\n\nRefuse old ones. See `parts[0]` and note [2].",
)
FAQ = Passage(
    number=5,
    document="faq.md",
    text="Can I send a parcel abroad?\n\nNot yet. Two countries are planned for next year.",
)
ALL = (HOLD, STEPS, PLANS, SIGNATURE, FAQ)


def answer(question: str, *passages: Passage) -> str:
    """Return the answer from these passages, or from all."""
    return format_answer(extract(question, passages or ALL))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How long does a parcel wait?", "A parcel waits for 72 hours [1]."),
        (
            "By how much can the waiting time be extended?",
            "A parcel waits for 72 hours. It can be extended once, by 48 hours [1].",
        ),
        ("How many requests has the Growth plan?", "Plan: Growth; Requests: 300; Fee: 49 [3]"),
        ("Can I send a parcel abroad?", "Not yet. Two countries are planned for next year [5]."),
        (
            "What is the fee?",
            "- Plan: Starter; Requests: 60; Fee: none\n- Plan: Growth; Requests: 300; Fee: 49 [3]",
        ),
    ],
)
def test_the_answer_is_what_the_passages_say(question: str, expected: str) -> None:
    """The best quote is verbatim, with its citation before the full stop."""
    assert expected == answer(question)


def test_a_procedure_is_quoted_whole() -> None:
    """All steps come, in order; a document's own `[3]` does not look like a citation."""
    assert answer("What do I do when a door does not open?") == (
        "1. Press the door inward.\n2. Run the test (3).\n3. Replace the latch [2]."
    )


def test_a_list_comes_with_the_sentence_that_announces_it() -> None:
    """A lead and its list are cited once, at the lead."""
    assert answer("How do I collect at the depot?") == (
        "During these days you can [1]:\n\n- collect it at the depot\n- have it delivered again"
    )


def test_code_is_fenced_and_untouched() -> None:
    """Brackets within code are not citations, and the sentence above belongs to the answer."""
    assert answer("Show example code to compare the webhook signature") == (
        "Compare the signature of a webhook with your own [4]:\n\n"
        "```\nassert digest == parts[1]\n```"
    )
    alone = Passage(number=1, document="a.md", text="~~~\nmake test ```\n~~~")
    assert answer("make test", alone) == "````\nmake test ```\n````\n\n[1]"


def test_inline_code_keeps_its_brackets() -> None:
    """Only text that looks like a citation is changed."""
    assert answer("Which note?", SIGNATURE) == "See `parts[0]` and note (2) [4]."


def test_two_parts_of_a_question_are_both_answered() -> None:
    """A second quote covers the words that the first lacks, best passage first."""
    text = answer("How long does a parcel wait, and which requests has the Growth plan?")
    assert "72 hours" in text
    assert "Growth" in text
    assert {"[1]", "[3]"} == {mark for mark in ("[1]", "[2]", "[3]", "[4]", "[5]") if mark in text}


def test_a_colon_at_the_end_becomes_a_full_stop() -> None:
    """If the passage ends after a colon, the answer does not announce anything."""
    cut = Passage(number=1, document="a.md", text="The tool is started in this way:")
    assert answer("How is the tool started?", cut) == "The tool is started in this way [1]."


@pytest.mark.parametrize("question", ["What is the capital of France?", "What is it?", "???"])
def test_nothing_is_said_where_nothing_matches(question: str) -> None:
    """Without a common word there is no answer, and none for a question without content words."""
    assert extract(question, ALL) == []
    assert extract(question, ()) == []
    assert format_answer([]) == ""


@pytest.mark.parametrize(
    ("question", "vague", "exact"),
    [
        ("What is a depot?", "It takes a depot to wait.", "A depot is where parcels wait."),
        ("What does a depot cost?", "A depot has a cost.", "A depot has a cost of 90 euros."),
        ("When does a depot open?", "A depot is slow to open.", "A depot is to open at 06:00."),
        ("How many depot halls?", "There are some depot halls.", "There are 6 depot halls."),
        ("How do I open a depot?", "A depot can open.", "Run a script to open a depot."),
    ],
)
def test_the_form_of_the_question_decides_among_equals(
    question: str, vague: str, exact: str
) -> None:
    """A question for a meaning, a price, a time or a way prefers sentences with one."""
    passage = Passage(number=1, document="a.md", text=f"Trains run in rows. {vague} {exact}")
    assert answer(question, passage).startswith(exact[:-1])


def test_a_long_list_is_not_quoted_whole() -> None:
    """Of more than a dozen items only the matching ones are quoted."""
    items = "\n".join(f"- thing number {number} of the catalogue" for number in range(20))
    passage = Passage(number=1, document="a.md", text=f"{items}\n- lantern for the catalogue")
    assert answer("How do I find the lantern?", passage) == "- lantern for the catalogue [1]"


def test_sentences_about_the_text_come_last() -> None:
    """`You will see how` is not an answer; an instruction is."""
    passage = Passage(
        number=1,
        document="a.md",
        text="Later you will see how to rotate a key. Use the portal if you rotate a key.",
    )
    assert answer("How do I rotate a key?", passage) == "Use the portal if you rotate a key [1]."


@pytest.mark.parametrize("piece", ["A. ", "`", "| ", "- x\n", "a b --", "```\nx\n", "( ", "\n\nx "])
def test_time_is_linear_in_the_text(piece: str) -> None:
    """No uploaded text can keep the service busy."""
    hostile = Passage(number=1, document="a.md", text="parcel " + piece * (20_000 // len(piece)))
    started = process_time()
    answer("How long does a parcel wait?", hostile)
    assert process_time() - started < 2
