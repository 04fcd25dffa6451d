"""Splitting a passage into possible quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwkit.models.messages import Passage
from gwkit.offline.passages import Quote, QuoteKind, quotes
from gwkit.text.words import vocabulary


def taken_apart(text: str, heading: str = "") -> list[Quote]:
    """Return the quotes of a passage with this text."""
    return quotes(Passage(number=1, document="a.md", text=text, heading=heading))


def kinds_and_texts(text: str) -> list[tuple[str, str]]:
    """Return kind and text of each quote."""
    return [(quote.kind.value, quote.text) for quote in taken_apart(text)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One thing. Another thing.", ["One thing. Another thing."]),
        ("One is this. Two is that!", ["One is this.", "Two is that!"]),
        ("Fits many, e.g. This one here. Next one here.", None),
        ("No. It stays here for good.", ["No. It stays here for good."]),
        ('He said "stop it now." Then he left us.', ['He said "stop it now."', "Then he left us."]),
        ("Version 3.11 is the least. See below for more.", None),
        ("A line\nthat goes on.", ["A line that goes on."]),
        ("It is `str | None` here.", ["It is `str | None` here."]),
    ],
)
def test_sentences(text: str, sentences: list[str] | None) -> None:
    """Prose is split at sentences, but not after abbreviations or a word or two."""
    found = [quote.text for quote in taken_apart(text)]
    if sentences is None:
        assert len(found) == 2
    else:
        assert sentences == found


def test_list_items_keep_marker_and_indentation() -> None:
    """A list keeps its form; a line without a marker belongs to the item before it."""
    assert kinds_and_texts("Do this:\n\n1. one\n  goes on\n2. two\n  - nested") == [
        ("sentence", "Do this:"),
        ("item", "1. one goes on"),
        ("item", "2. two"),
        ("item", "  - nested"),
    ]


@pytest.mark.parametrize(
    "table",
    [
        "Plan | Days\nTeam | 90\nSolo | 7",
        "| Plan | Days |\n|---|---|\n| Team | 90 |\n| Solo | 7 |",
    ],
)
def test_rows_name_their_columns(table: str) -> None:
    """A row has its column names, so that it is readable alone."""
    assert kinds_and_texts(table) == [
        ("row", "Plan: Team; Days: 90"),
        ("row", "Plan: Solo; Days: 7"),
    ]


def test_a_row_without_names_stays_as_it_is() -> None:
    """In a split table the first row has data and names nothing."""
    assert kinds_and_texts("Team | 90\nSolo | 7") == [("row", "Team | 90"), ("row", "Solo | 7")]
    assert kinds_and_texts("Team | 90") == [("row", "Team | 90")]


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_what_is_fenced_is_code(fence: str) -> None:
    """A fence decides, for any content, also without its end."""
    assert kinds_and_texts(
        f"{fence}text\nJust words.\n\n- and more\n{fence}\nAfter it, prose."
    ) == [
        ("code", "Just words.\n\n- and more"),
        ("sentence", "After it, prose."),
    ]
    assert kinds_and_texts(f"{fence}\ncut off") == [("code", "cut off")]


def test_titles_are_context_of_what_follows() -> None:
    """A short line without a full stop is a title, with or without markup."""
    plain, marked = (
        taken_apart(f"{title}\n\nIt scans more reliably now.")
        for title in ("Release 26.3", "## Release 26.3")
    )
    for title, sentence in (plain, marked):
        assert (QuoteKind.TITLE, "Release 26.3") == (title.kind, title.text)
        assert {"releas", "26.3"} <= sentence.context


def test_questions_are_context_of_their_answer() -> None:
    """A paragraph that asks is not a quote but the topic of the next paragraph."""
    (answer,) = taken_apart("It is late. Can I send a parcel abroad?\n\nNot yet, but soon enough.")
    assert vocabulary("late send parcel abroad") == answer.asked
    (answer,) = taken_apart("Not yet, but soon enough.", heading="FAQ > Can I send abroad?")
    assert vocabulary("send abroad") == answer.asked


def test_sentences_lead_to_what_follows() -> None:
    """The words before a list, code or sentence are its topic."""
    _, code = taken_apart("Roll back the firmware so:\n\n```\n$ tool --undo\n```")
    assert "firmwar" in code.context
    assert "firmwar" not in code.words


def test_headings_are_context() -> None:
    """Each heading of the path counts on its own."""
    (quote,) = taken_apart("It is kept for a year.", heading="Privacy > Invoices")
    assert (frozenset({"privaci"}), frozenset({"invoic"})) == quote.headings


@given(st.text(alphabet="aA1. \n-|`#?:>$*", max_size=200))
def test_any_text_can_be_taken_apart(text: str) -> None:
    """Any text can be split; quotes are not empty, and their order ascends."""
    found = taken_apart(text)
    assert all(quote.text for quote in found)
    assert list(range(len(found))) == [quote.order for quote in found]
