"""Thoughts within a reply's text are not part of the answer (`app.options.providers.thoughts`)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.options.providers.thoughts import Thoughts

ANSWER = "A parcel waits [1]."
_FRAGMENTS = (
    *("<think>", "</think>", "<thinking>", "</reasoning>", "[THINK]", "[/THINK]", "`<think>`"),
    *("<thi", "nk>", "</", "<", "[1]", "`", "word ", "\n", " "),
)


def split(pieces: list[str], *, held: bool) -> tuple[str, bool]:
    """Return the remaining text, and whether it began with a thought."""
    thoughts = Thoughts(held=held)
    return "".join(map(thoughts.feed, pieces)) + thoughts.finish(), thoughts.began_inside


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (ANSWER, ANSWER),
        (f"<think>\n999 days?\n</think>\n\n{ANSWER}", ANSWER),
        (f"<Thinking>999</Thinking>{ANSWER}", ANSWER),
        (f"<reasoning>a</reasoning>\n<think>b</think>\n{ANSWER}", ANSWER),
        (f"[THINK]999[/THINK]{ANSWER}", ANSWER),
        (f"<think></think>{ANSWER}", ANSWER),
        (f"<think>a <think> b</think>{ANSWER}", ANSWER),
        (f"Perhaps 999 days?\n</think>\n{ANSWER}", ANSWER),
        (f"{ANSWER} <think>999?</think>It costs 3 euros [2].", f"{ANSWER} It costs 3 euros [2]."),
        ("<think>Perhaps 999 days", ""),
        (f"{ANSWER}\n<think>Perhaps", f"{ANSWER}\n"),
        ("Models write <think> tags [1].", "Models write <think> tags [1]."),
        ("It is `<think>` and `</think>` [1].", "It is `<think>` and `</think>` [1]."),
        ("a < b [1] <thi", "a < b [1] <thi"),
    ],
)
def test_thoughts_are_left_out(text: str, answer: str) -> None:
    """Known tags are removed, also unclosed and unopened ones; tags within the answer stay."""
    assert answer == split([text], held=True)[0]


@given(st.lists(st.sampled_from(_FRAGMENTS), max_size=8), st.data())
def test_pieces_make_what_the_whole_makes(fragments: list[str], data: st.DataObject) -> None:
    """The division of a stream does not matter, except for a thought without an opening tag."""
    text = "".join(fragments)
    ends = data.draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    pieces = [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    whole, began_inside = split([text], held=True)
    assert (whole, began_inside) == split(pieces, held=True)
    assert began_inside or whole == split(pieces, held=False)[0]


def test_text_is_held_back_only_as_long_as_it_may_be_a_tag() -> None:
    """Text is passed on while the model writes."""
    thoughts = Thoughts(held=False)
    assert ["a ", "", "< b", "", "", "c"] == [
        thoughts.feed(piece) for piece in ("a ", "<", " b", "<thi", "nk>x</think", ">c")
    ]
