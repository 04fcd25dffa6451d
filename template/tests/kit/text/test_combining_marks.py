"""Normalization with a bound on combining marks."""

from __future__ import annotations

import sys
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwkit.text.characters import MOST_MARKS, _patterns, normalize

FORMS: tuple[Literal["NFC"], Literal["NFKD"]] = ("NFC", "NFKD")
MARKS = "\u0301\u0323\uff9e\U0001e944\u0f73\u0344"


@given(st.text(st.characters(), max_size=MOST_MARKS) | st.text("a\u0301\u0323é", max_size=30))
def test_other_texts_are_normalized_as_ever(text: str) -> None:
    """A text without a long run of marks keeps all of them."""
    for form in FORMS:
        assert unicodedata.normalize(form, text) == normalize(form, text)


@pytest.mark.parametrize("mark", MARKS)
def test_marks_beyond_the_bound_go(mark: str) -> None:
    """The first 30 of a run stay, and the letters around it."""
    kept = f"a{mark * MOST_MARKS}b"
    for form in FORMS:
        assert unicodedata.normalize(form, kept) == normalize(form, f"a{mark * MOST_MARKS * 9}b")


def test_emoji_in_a_row_are_no_marks() -> None:
    """A character whose code point is only near that of marks is not cut."""
    assert "\U0001f600" * 99 == normalize("NFC", "\U0001f600" * 99)


def test_every_mark_of_this_python_s_unicode_is_known() -> None:
    """A character that can begin with a mark once it is decomposed counts as one."""
    _, runs = _patterns()
    for character in map(chr, range(sys.maxunicode + 1)):
        first = unicodedata.normalize("NFKD", character)[0]
        if unicodedata.combining(first):
            assert runs.fullmatch(character * (MOST_MARKS + 1)), hex(ord(character))
