"""Making the links of a reply inert while it streams."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.graph.links import InertLinks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markdown_it.token import Token

_PIECES = st.sampled_from(
    [
        *("![", "[", "]", "](", "]:", "](<", "(", ")", "<", ">", "`", "```", "~~~", "\n", "\n\n"),
        *("\r", "\r\n", " ", "    ", "- ", "> ", "1. ", "a", "[a]: ", "http://e.x", "<img src=x>"),
        *("<a href=x>", "<script>", "</script>", "<http://e.x>", "\\", "!", ":", "```\n"),
        *("\n```\n", "<!--", "-->", "<pre>", "</pre>", "<div>", "<?", "?>", "\t", "~~~\n"),
        *("\n![x](y)", "| a |"),
    ]
)

_ELEMENT = re.compile(r"<(?:script|style|[A-Za-z][\w-]*[\s/][^>]*=)")


def inert(*pieces: str) -> str:
    """Return the text that comes out."""
    links = InertLinks()
    return "".join(map(links.feed, pieces)) + links.finish()


def leads_somewhere(tokens: Iterable[Token]) -> list[str]:
    """Return what loads or links something when the text is shown as Markdown."""
    return [
        token.type
        for each in tokens
        for token in (each, *(each.children or ()))
        if token.type in {"image", "link_open"}
        or (token.type.startswith("html_") and _ELEMENT.search(token.content))
    ]


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("![x](http://e.x/?q=1) [y](z)", "![x] (http://e.x/?q=1) [y] (z)"),
        ("Yes [1](http://e.x).", "Yes [1] (http://e.x)."),
        ("[1]: http://e.x", "[1] : http://e.x"),
        ("> - [a]: http://e.x", "> - [a] : http://e.x"),
        ("[a\nb]: http://e.x", "[a\nb] : http://e.x"),
        ("<img src=x> <IMG/src=x> <img\nsrc=x>", "< img src=x> < IMG/src=x> < img\nsrc=x>"),
        ("<script>x</script> <http://e.x>", "< script>x</script> < http://e.x>"),
        ("Stray ` ![x](y)", "Stray ` ![x] (y)"),
        ("- x\n  ```\n![x](y)", "- x\n  ```\n![x] (y)"),
        ("```\n[x](y)\n```\n[x](y)", "```\n[x](y)\n```\n[x] (y)"),
        ("~~~~ md\n~~~\n[x](y)\n~~~~~ \n[x](y)", "~~~~ md\n~~~\n[x](y)\n~~~~~ \n[x] (y)"),
        ("```\ncode\r```\r![x](y)", "```\ncode\n```\n![x] (y)"),
        ("``` a`b\n![x](y)", "``` a`b\n![x] (y)"),
        ("```\n ```\n![x](y)", "```\n ```\n![x] (y)"),
        (" ```\n```\n![x](y)", " ```\n```\n![x] (y)"),
        ("<!--\n```\n-->\n![x](y)", "<!--\n```\n-->\n![x] (y)"),
    ],
)
def test_links_are_taken_apart(reply: str, text: str) -> None:
    """A space keeps them from being links; what they say is still there."""
    assert text == inert(reply)


@pytest.mark.parametrize(
    "text",
    [
        "You can do this [1]:\n\n- collect it [2]\n- `list[int]`, and a < b > c",
        "Its type is `dict[str, list[T]]: fine`. See http://e.x/a?b=c.",
        "A form is `<form></form>`.\n\n    indented\n",
        "```html\n<img src=x>[a](b)\n```",
        "",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    """Citations, types, comparisons and fenced code are no links."""
    assert text == inert(text)


@given(st.lists(_PIECES, max_size=20))
def test_nothing_that_is_shown_leads_anywhere(pieces: list[str]) -> None:
    """Whatever a model writes, a renderer finds neither image nor link nor script in it."""
    text = inert(*pieces)
    assert [] == leads_somewhere(MarkdownIt("commonmark", {"html": True}).parse(text)), text
    assert [] == leads_somewhere(MarkdownIt("gfm-like", {"linkify": False}).parse(text)), text


@given(st.lists(_PIECES, max_size=20), st.lists(st.integers(0, 60), max_size=6))
def test_pieces_make_no_difference(pieces: list[str], cuts: list[int]) -> None:
    """However a reply is cut, the same text comes out."""
    text = "".join(pieces)
    ends = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    cut = [text[start:end] for start, end in pairwise(ends)]
    assert inert(text) == inert(*cut)


def test_little_is_held_back() -> None:
    """A piece is passed on at once, but for what may still become a link."""
    links = InertLinks()
    pieces = ("Yes", " [1", "]", " and", " <i", "mg", " x", "\n", "- ", "so")
    assert [links.feed(piece) for piece in pieces] == [
        *("Yes", " [1", "", "] and", " ", "", "< img x", "\n", "", "- so")
    ]
