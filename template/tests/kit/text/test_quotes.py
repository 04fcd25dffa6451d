"""Splitting a passage into possible quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwkit.text.sentences import quotes


def kinds_and_texts(text: str) -> list[tuple[str, str]]:
    """Return kind and text of each quote."""
    return [(quote.kind.value, text[quote.start : quote.end]) for quote in quotes(text)]


def texts_of(text: str) -> list[str]:
    """Return the text of each quote."""
    return [text for _, text in kinds_and_texts(text)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One thing. Another thing.", ["One thing. Another thing."]),
        ("One is this. Two is that!", ["One is this.", "Two is that!"]),
        ("Fits many, e.g. This one here. Next one here.", None),
        ("No. It stays here for good.", ["No. It stays here for good."]),
        ('He said "stop it now." Then he left us.', ['He said "stop it now."', "Then he left us."]),
        ("Version 3.11 is the least. See below for more.", None),
        ("Es gilt ab 31. März. Übrigens auch sonntags.", None),
        ("Así es la vida. ¿Qué sigue después de esto?", None),
        ("A line\nthat goes on.", ["A line\nthat goes on."]),
        ("It is `str | None` here.", ["It is `str | None` here."]),
    ],
)
def test_sentences(text: str, sentences: list[str] | None) -> None:
    """Prose is split at sentences, but not after abbreviations or a word or two."""
    found = texts_of(text)
    if sentences is None:
        assert len(found) == 2
    else:
        assert sentences == found


def test_list_items_keep_marker_and_lines() -> None:
    """A list keeps its form; a line without a marker belongs to the item before it."""
    assert kinds_and_texts("Do this:\n\n1. one\n  goes on\n2. two\n  - nested\n\nThen rest.") == [
        ("sentence", "Do this:"),
        ("item", "1. one\n  goes on"),
        ("item", "2. two"),
        ("item", "- nested"),
        ("sentence", "Then rest."),
    ]


@pytest.mark.parametrize("bars", ["{} | {}", "| {} | {} |"])
def test_names_of_columns_lead_to_the_rows(bars: str) -> None:
    """The first row of a table is no answer, unless it has values: then it names nothing."""
    named, first, second = (
        bars.format(*cells) for cells in (("Plan", "Days"), ("Team", 90), ("Solo", "none"))
    )
    assert kinds_and_texts(f"{named}\n{first}\n{second}") == [
        ("lead", named),
        ("row", first),
        ("row", second),
    ]
    assert kinds_and_texts(f"{first}\n{second}") == [("row", first), ("row", second)]


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_what_is_fenced_is_code(fence: str) -> None:
    """A fence decides, for any content, also without its end."""
    code = f"{fence}text\nJust words.\n\n- and more\n{fence}"
    assert kinds_and_texts(f"{code}\nAfter it, prose.") == [
        ("code", code),
        ("sentence", "After it, prose."),
    ]
    assert kinds_and_texts(f"{fence}\ncut off") == [("code", f"{fence}\ncut off")]


@pytest.mark.parametrize("lead", ["Release 26.3", "## Release 26.3.", "Can I send it abroad?"])
def test_titles_and_questions_lead_to_what_follows(lead: str) -> None:
    """A short line without a full stop is a title, with or without markup."""
    assert kinds_and_texts(f"{lead}\n\nIt scans more reliably now.") == [
        ("lead", lead),
        ("sentence", "It scans more reliably now."),
    ]


def test_words_are_stems_of_the_question_s_language() -> None:
    """What is compared is stemmed alike."""
    (quote,) = quotes("Die Häuser wurden verkauft.", "de")
    assert {"haus", "verkauft"} == quote.words


@given(st.text(alphabet="aA1. \n-|`#?:>$*", max_size=200))
def test_any_text_can_be_taken_apart(text: str) -> None:
    """Quotes are not empty, do not overlap, and leave out nothing but space."""
    found = quotes(text)
    ends = [0, *(quote.end for quote in found)]
    starts = [*(quote.start for quote in found), len(text)]
    assert all(quote.start < quote.end for quote in found)
    gaps = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    assert "".join(gaps).strip() == ""
