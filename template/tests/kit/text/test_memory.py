"""The table of words, which has a bound."""

from __future__ import annotations

from gwkit.text.memory import Remembered


def test_a_word_is_made_once() -> None:
    """Later it is the same object."""
    words = Remembered(list)
    first = words["ab"]
    assert ["a", "b"] == first
    assert first is words["ab"]


def test_a_long_word_is_made_each_time() -> None:
    """It may be of any length, so it is not kept."""
    words = Remembered(str.upper)
    assert ["A" * 100, "A" * 101] == [words["a" * 100], words["a" * 101]]
    assert ["a" * 100] == list(words)


def test_there_are_never_too_many() -> None:
    """With more than 32,768 words the table is emptied, and its answers stay right."""
    words = Remembered(int)
    assert all(number == words[str(number)] for number in range(40_000))
    assert len(words) <= 32_768
    assert (39_999, 0) == (words["39999"], words["0"])
