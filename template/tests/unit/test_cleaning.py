"""Cleaning removes invisible characters and nothing else."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.ingestion.cleaning import clean

_ANY_TEXT = st.text(st.characters(), max_size=60) | st.text(
    alphabet="aé\u0301\u0327\n\r\t \u00a0\u2028\x85\x00\x9f\u200b\u200c\u200d\u202e\u00ad\ufeff"
    "\ud800\u0644\u2000\U000e0041\ufe0f\U000e0101\u20e3\u034f\u3164",
    max_size=30,
)


# Letters and marks that are not drawn: fillers, and variation selectors.
_UNDRAWN = re.compile(
    "[\u034f\u115f\u1160\u180b-\u180f\u2065\u3164\uffa0\ufe00-\ufe0f\U000e0000-\U000e0fff]"
)


def _visible(text: str) -> str:
    """Return the drawn characters of a text: no space, control or format characters."""
    drawn = (
        char
        for char in _UNDRAWN.sub("", text)
        if not char.isspace() and unicodedata.category(char) not in {"Cc", "Cf", "Cs"}
    )
    return unicodedata.normalize("NFC", "".join(drawn))


@given(_ANY_TEXT)
@example("é\u200d\x80a")
@example("a\u200d\u0301")
def test_cleaning_is_idempotent(text: str) -> None:
    """A clean text is unchanged."""
    once = clean(text)

    assert once == clean(once)


@given(_ANY_TEXT)
def test_no_visible_text_is_lost(text: str) -> None:
    """The drawn characters are the same before and after, in the same order."""
    assert _visible(text) == _visible(clean(text))


@given(_ANY_TEXT)
def test_a_clean_text_can_be_stored_and_compared(text: str) -> None:
    """The result is in NFC, encodes as UTF-8, and has no stray line end or blank edge."""
    result = clean(text)

    assert unicodedata.is_normalized("NFC", result)
    assert result == result.encode().decode()
    assert not set(result) & set("\r\x00\x0b\x0c\x85\u2028\u2029\ufeff\u202e\u00ad")
    assert "\n\n\n" not in result
    assert result == result.strip("\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\u2028d\x0ce", "a\nb\nc\nd\ne"),
        ("a \t\n\n \n\n\n\nb  ", "a\n\nb"),
        ("\n\n    indented\n", "    indented"),
        ("e\u0301", "é"),
        ("data\u00adbase", "database"),
        ("pay\u200bload\ufeff", "payload"),
        ("\u202eevil\u202c", "evil"),
        ("10\u00a0km", "10 km"),
        ("pass\u200dword", "password"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",) * 2,
        ("\U0001f468\u200d\U0001f4bb",) * 2,
        ("hi\U000e0068\U000e0069", "hi"),
        ("\u2764\ufe0f\u200d\U0001f525 1\ufe0f\u20e3",) * 2,
        ("\U0001f600\U000e0101\U000e0102\ufe01", "\U0001f600\U000e0101"),
        ("hi\ufe0e there\u034f", "hi there"),
        ("\ud83d", ""),
        ("re-\nform", "re-\nform"),
        ("", ""),
    ],
)
def test_what_becomes_of(text: str, expected: str) -> None:
    """Each kind of invisible character is removed; joiners stay if they shape the script."""
    assert expected == clean(text)


def test_long_runs_take_linear_time() -> None:
    """Many of any such character are cleaned at once."""
    for awkward in (" ", "\n", "\u200d", "é\u0301", "\x00"):
        clean(f"a{awkward * 200_000}b")
