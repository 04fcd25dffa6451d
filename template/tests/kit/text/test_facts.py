"""Numbers and dates are found in the forms in which people write them."""

from __future__ import annotations

import pytest

from gwkit.text.facts import counted, dates, names, numbers, pages, plain, spelled_numbers


def _forms(text: str) -> set[str]:
    return {form for fact in numbers(text) for form in fact.forms}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000", "1000"),
        ("1.000 Euro", "1,000 euros"),
        ("12 345,5", "12345.5"),
        ("1.234,56", "1,234.56"),
        ("2.50", "2,5"),
        ("5 pm", "17:00"),
        ("5:30 p.m.", "17:30"),
        ("9 am", "09:00"),
        ("1.5 million", "1,500,000"),
        ("3 Mio.", "3000000"),
        ("007", "7"),
        ("30日", "30"),
    ],
)
def test_equal_numbers_have_a_form_in_common(one: str, other: str) -> None:
    """However thousands, decimals and times are written."""
    assert _forms(one) & _forms(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,500", "1.5"),
        ("15", "1.5"),
        ("2.4.1", "2.4.2"),
        ("5 pm", "5:00"),
        ("1.5 million", "1.5 billion"),
        ("1.5 million", "1.5"),
        ("192.168.0.1", "192.168.0.11"),
        ("9:30", "9"),
    ],
)
def test_other_numbers_have_none(one: str, other: str) -> None:
    """A digit, a point or a power more makes another number."""
    assert not _forms(one) & _forms(other)


@pytest.mark.parametrize(
    "written",
    [
        "31 March 2026",
        "31st of March, 2026",
        "March 31, 2026",
        "31. März 2026",
        "31 mars 2026",
        "31 de marzo de 2026",
        "2026-03-31",
        "31.03.2026",
        "31.3.26",
        "31/3/2026",
        "3/31/2026",
    ],
)
def test_a_date_is_found_in_many_languages(written: str) -> None:
    """It has year, month and day."""
    ((fact, meanings),) = dates(f"It ends on {written}, at noon.")

    assert written == fact.written
    assert (2026, 3, 31) in meanings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in April", {(0, 4, 0)}),
        ("on 5 May", {(0, 5, 5)}),
        ("since Dec. 2025", {(2025, 12, 0)}),
        ("section 3 may apply, and we march on 4 mar", set()),
        ("see 3.1. It may", set()),
        ("version 13.13.2026", set()),
    ],
)
def test_parts_of_dates(text: str, expected: set[tuple[int, int, int]]) -> None:
    """What is not said is 0; other words and numbers are no dates."""
    assert expected == {meaning for _, meanings in dates(text) for meaning in meanings}


def test_words_pages_and_names() -> None:
    """Numbers in words know what they count; pages and capitals are found."""
    (five,) = spelled_numbers("within five working days")
    assert ({"5"}, ("working", "day")) == (
        set(five.forms),
        counted("within five working days", five),
    )
    assert {"25", "20", "5"} == {
        form for fact in spelled_numbers("Twenty-five") for form in fact.forms
    }
    assert [{3}, {4, 6}, {7}] == [set(found) for _, found in pages("page 3, pp. 4-6 and S. 7")]
    assert ["Anna", "iPhone", "API"] == [fact.written for fact in names("Anna's iPhone has an API")]


def test_typography_makes_no_difference() -> None:
    """Quotation marks, dashes, spaces, emphasis and case are the same text."""
    assert plain("»A\u00a0 b« \u2013 c…\n**D** x\u2011y ?") == plain('"a b"-C... d x-y?')
