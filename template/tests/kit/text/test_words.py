"""Content words, their stems, and known spellings."""

from __future__ import annotations

import tracemalloc

import pytest

from gwkit.text.words import content_words, near_words, vocabulary


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("How long is a return code valid?", ["return", "code", "valid"]),
        ("What's the doctor\u2019s note?", ["doctor", "note"]),
        ("1,000 requests in Python 3.11", ["1000", "request", "python", "3.11"]),
        ("max_body_size", ["max", "bodi", "size"]),
        ("After five codes were sent", ["five", "code", "send"]),
        ("What is it?", []),
        ("", []),
    ],
)
def test_content_words(text: str, words: list[str]) -> None:
    """Function words are removed; forms of one word, also irregular ones, are equal."""
    assert words == content_words(text)


@pytest.mark.parametrize(
    ("text", "also"),
    [
        ("use `BackgroundTasks`", {"background", "task"}),
        ("an HTTPException", {"http", "except"}),
        ("plain words", set()),
    ],
)
def test_a_vocabulary_has_the_parts_of_camel_case(text: str, also: set[str]) -> None:
    """The parts of a compound name are added to the words."""
    assert frozenset(content_words(text)) | also == vocabulary(text)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["retrun"], ["return"]),
        (["vaild"], ["valid"]),
        (["valid"], ["valid"]),
        (["vali"], ["vali"]),  # too short for a correction
        (["planet"], ["planet"]),  # `plan` is another word
        (["valib"], ["valib"]),  # another letter in a short word makes another word
        (["rollbakk"], ["rollbakk"]),
        (["retirn", "compertment"], ["retirn", "compartment"]),  # in a long one it is a slip
        (["roll", "back"], ["roll", "back", "rollback"]),
    ],
)
def test_near_words(words: list[str], found: list[str]) -> None:
    """A misspelt word is replaced by the known one; a dissimilar word stays."""
    known = {"return", "valid", "plan", "rollback", "1000", "compartment"}
    assert found == near_words(words, known)


@pytest.mark.parametrize("text", ["книга", "كتاب", "Ελλάδα"])
def test_other_scripts_are_matched_as_they_are_written(text: str) -> None:
    """Only English is stemmed; a word of another script equals itself, and none fails."""
    assert text.casefold().split() == content_words(text)
    assert frozenset(content_words(text)) == vocabulary(text)
    assert content_words(text) == near_words(content_words(text), vocabulary(text))


def test_what_is_longer_than_words_are_is_neither_stemmed_nor_corrected() -> None:
    """It costs no more than necessary."""
    long = "waits" * 8
    assert [long] == content_words(long)
    assert [long + "x"] == near_words([long + "x"], {long})


@pytest.mark.parametrize("letter", ["a", "\u00e4", "\u4e2d"])
def test_long_words_are_not_remembered(letter: str) -> None:
    """Stems of earlier words are kept in memory, but not those of very long words."""
    texts = (letter * (5_000 + number) for number in range(50))
    vocabulary(letter * 4_999)
    tracemalloc.start()
    try:
        found = [len(vocabulary(text)) for text in texts]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [1] * 50 == found
    assert held < 100_000
