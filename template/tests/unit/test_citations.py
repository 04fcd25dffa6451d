"""Renumbering citations while a reply streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.graph.composition import ReplyText


def renumbered(*pieces: str, known: int = 5) -> tuple[str, tuple[int, ...]]:
    """Return the output text and the passages that it cites."""
    numbering = ReplyText(range(1, known + 1))
    text = "".join(map(numbering.feed, pieces)) + numbering.finish()
    return text, numbering.cited


@pytest.mark.parametrize(
    ("reply", "text", "cited"),
    [
        ("Yes [1].", "Yes [1].", (1,)),
        ("Yes [3]. No [1]. Both [3][1].", "Yes [1]. No [2]. Both [1][2].", (3, 1)),
        ("Both [3, 1] and [2,3].", "Both [1][2] and [3][1].", (3, 1, 2)),
        ("Twice [2, 2].", "Twice [1].", (2,)),
        ("Invented [9].", "Invented.", ()),
        ("One is [9, 2] invented.", "One is [1] invented.", (2,)),
        ("Zero [0] and years [2026] too.", "Zero and years too.", ()),
        ("Tight[2], spaced [4]", "Tight[1], spaced [2]", (2, 4)),
        ("`row[1]` is code [2].", "`row[1]` is code [1].", (2,)),
        ("``a ` [1]`` [2]", "``a ` [1]`` [1]", (2,)),
        ("```\nrow[1]\n\nrow[3]\n```\n[2]", "```\nrow[1]\n\nrow[3]\n```\n[1]", (2,)),
        ("A stray ` tick.\n\nNext [2].", "A stray ` tick.\n\nNext [1].", (2,)),
        ("No [citation] [1a] [] [1", "No [citation] [1a] [] [1", ()),
        ("[[2]]", "[[1]]", (2,)),
        ("[[9]1] [1, [9]2]", "[[?]1] [1,[?]2]", ()),  # removing text creates no number
        ("", "", ()),
    ],
)
def test_citations_count_from_one_in_order(reply: str, text: str, cited: tuple[int, ...]) -> None:
    """Known numbers are renumbered, unknown ones removed, and code is unchanged."""
    assert (text, cited) == renumbered(reply)


@given(
    st.lists(st.text(alphabet="ab `[]123,\n", max_size=12), max_size=8),
)
def test_pieces_make_no_difference(pieces: list[str]) -> None:
    """For any division of a reply, the text is the same."""
    assert renumbered("".join(pieces)) == renumbered(*pieces)


@given(st.text(alphabet="ab []123,.", max_size=40))
def test_every_citation_is_listed(reply: str) -> None:
    """The text cites exactly the numbers 1 to n of the list."""
    text, cited = renumbered(reply, known=2)
    again, numbers = renumbered(text, known=len(cited))
    assert tuple(range(1, len(cited) + 1)) == numbers
    assert text == again


def test_little_is_held_back() -> None:
    """A piece is passed on at once, except for a possible start of a citation."""
    numbering = ReplyText({1})
    assert [numbering.feed(piece) for piece in ("Yes", " [", "1", "]", " and", " so")] == [
        "Yes",
        "",
        "",
        " [1]",
        " and",
        " so",
    ]


def test_links_are_broken_and_code_is_closed() -> None:
    """The text is disarmed, and an open fence at the end is closed."""
    assert ("See ] (x) [1].", (2,)) == renumbered("See ](x) [2].")
    assert ("```\nmake\n```", ()) == renumbered("```\nmake")
