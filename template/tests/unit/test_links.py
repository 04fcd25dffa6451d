"""Links in a streamed reply are disarmed, as three Markdown parsers confirm."""

from __future__ import annotations

import re
from functools import partial
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

import markdown  # type: ignore[import-untyped]  # it has no types
import mistune
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.graph.composition import ReplyText
from app.graph.links import InertLinks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TARGETS: Final = [
    *("![x](http://e.x)", "[x](y)", "[x]", "[a]: http://e.x", "[a\nb]: <y>", "[^1]: x", "*[a]: x"),
    *("<img src=x>", "<b>", "</b>", "<a\nhref=x>", "<script>", "<div>", "<pre>", "<!--", "-->"),
    *("<?", "?>", "<!X>", "<![CDATA[", "]]>", "<http://e.x>", "<f@e.x>", "<=@e.x>", "&lt;b>"),
]
_MARKS: Final = [
    *("[", "]", "](", "]:", "(", ")", "<", ">", "!", ":", "\\", "`", "``", "|", "*", '"', "$$"),
    *("- ", "1. ", "> ", "# ", "---", "+++", "| a | b |\n|---|---|\n", "Term\n: ", "\t", "    "),
    *(" ", "\n", "\n\n", "\r", "\r\n", "\x0c", "\u2028", "\u200b", "\x00", "\x02", "a", "[2]"),
]
_LINES: Final = [
    *("![x](y)", "<b>", "a", "- a", "> a", "# a", "[a]: x", "[a]", "", "", "  a"),
    *(
        "```",
        "```",
        "```py",
        "````",
        "~~~",
        "  ```",
        "- ```",
        "> ```",
        "a ```",
        "\x02```",
        "``` a`",
    ),
]
_MARKDOWN: Final = st.one_of(
    st.lists(st.sampled_from([*_TARGETS, *_MARKS, *_LINES]), max_size=20).map("".join),
    st.lists(st.sampled_from([*_LINES, "<div>", "<!--", "-->", "    a"]), max_size=10).map(
        "\n".join
    ),
)

_EXTENSIONS: Final = ["fenced_code", "tables", "def_list", "footnotes"]
_PLUGINS: Final = ["table", "strikethrough", "footnotes", "def_list", "abbr"]
_RENDERERS: Final[Mapping[str, Callable[[str], str]]] = {
    "markdown-it": MarkdownIt("commonmark", {"html": False}).render,
    "markdown-it, raw HTML": MarkdownIt("commonmark", {"html": True}).render,
    "markdown-it, tables": MarkdownIt("commonmark", {"html": True}).enable("table").render,
    "mistune": mistune.create_markdown(escape=True, renderer="html"),  # type: ignore[dict-item]  # a text, with this renderer
    "mistune, raw HTML": mistune.create_markdown(escape=False, plugins=_PLUGINS, renderer="html"),  # type: ignore[dict-item]  # as above
    "Python-Markdown, raw HTML": partial(markdown.markdown, extensions=_EXTENSIONS),
}
# The elements and attributes of Markdown without links: of code, lists and cells.
_HARMLESS: Final = re.compile(
    "p|em|strong|code|pre|[uo]l|li|blockquote|h[1-6r]|br|table|thead|tbody|t[rhd]|d[ltd]"
    "|class|start|style"
)


class _Foreign(HTMLParser):
    """Finds elements and attributes that Markdown without links does not have."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [name for name in (tag, *dict(attrs)) if not _HARMLESS.fullmatch(name)]

    def handle_comment(self, data: str) -> None:
        self.found.append(data)

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)

    handle_pi = unknown_decl = handle_comment


def inert(*pieces: str) -> str:
    """Return the output text."""
    links = InertLinks()
    return "".join(map(links.feed, pieces)) + links.finish()


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("![x](http://e.x/?q=1) [y](z)", "![x] (http://e.x/?q=1) [y] (z)"),
        ("Yes [1](http://e.x).", "Yes [1] (http://e.x)."),
        ("[1]: http://e.x", "[1] : http://e.x"),
        ("> - [a]: http://e.x", "> - [a] : http://e.x"),
        ("[a\nb]: http://e.x", "[a\nb] : http://e.x"),
        ("<img src=x> <IMG/src=x> <img\nsrc=x>", "< img src=x> < IMG/src=x> < img\nsrc=x>"),
        ("<script>x</script> <http://e.x>", "< script>x< /script> < http://e.x>"),
        ("<!-- a --> a<-b <=@e.x>", "< !-- a --> a<- b <= @e.x>"),
        ("Stray ` ![x](y)", "Stray ` ![x] (y)"),
        ("- x\n  ```\n![x](y)", "- x\n  ```\n![x] (y)"),
        ("```\n[x](y)\n```\n[x](y)", "```\n[x](y)\n```\n[x] (y)"),
        ("~~~~ md\n~~~\n[x](y)\n~~~~\n", "~~~~ md\n~~~\n[x] (y)\n~~~~\n"),
        ("```\ncode\r```\r![x](y)", "```\ncode\r```\r![x] (y)"),
        ("``` a`b\n![x](y)", "``` a`b\n![x] (y)"),
        ("```\n ```\n![x](y)", "```\n ```\n![x] (y)\n```"),
        ("```\n<a>", "```\n<a>\n```"),
        ("[a\\]\n```\n]: y", "[a\\]\n```\n] : y"),
        ("$$\n```\n$$\n![x](y)", "$$\n```\n$$\n![x] (y)"),
        ("A [1].\n\n <div>\n```\n\n![x](y)", "A [1].\n\n < div>\n```\n\n![x] (y)"),
        ("[a]\x02(y) <\x02b> [a]\u200b(y)", "[a]\x02 (y) <\x02 b> [a]\u200b (y)"),
    ],
)
def test_links_are_taken_apart(reply: str, text: str) -> None:
    """A space breaks the links; their text is still there."""
    assert text == inert(reply)


@pytest.mark.parametrize(
    "text",
    [
        "You can do this [1]:\n\n- collect it [2]\n- `list[int]`, and a < b > c <= d",
        "Its type is `dict[str, list[T]]: fine`. See http://e.x/a?b=c.",
        "**So** [1][2]:\n\n1. Write this:\n\n```html\n<img src=x>[a](b)\n```\n\n> And\n",
        "Either:\n~~~\n<b>\n~~~\nOr:\n````c++\n<b>\n````",
        "    indented\n",
        "",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    """Citations, comparisons and code in plain fences are not links."""
    assert text == inert(text)


@given(_MARKDOWN)
@example("A [1].\n\n <div>\n```\n\n![x](http://e.x)")
@example("- item\n\n```py\n<1@e.x>\n~~~\n")
@example("[\n~~~\n&lt;]:&lt;\r$$\n# \n\n\n---\n<http://e.x>!")
def test_nothing_that_is_shown_leads_anywhere(reply: str) -> None:
    """No renderer makes a link, an image or another element of any reply."""
    text = inert(reply)
    for name, render in _RENDERERS.items():
        assert [] == _Foreign(render(text)).found, (name, text)


@given(_MARKDOWN)
@example("`\n\n[2]: y")
@example(f"[{', '.join(['1', '2'] * 40)}] <b>")
@example(f"[{' ' * 150}{'1,' * 80}[9]")
def test_pieces_make_no_difference(reply: str) -> None:
    """For any division of a reply, the text and the citations are the same."""
    cuts = [[reply[:end], reply[end:]] for end in range(len(reply))]
    results = set()
    for pieces in ([reply], list(reply), *cuts):
        shown = ReplyText(range(1, 6))
        text = "".join(map(shown.feed, pieces)) + shown.finish()
        results.add((text, shown.cited))
    assert 1 == len(results)


def test_nothing_is_held_back() -> None:
    """Each piece is passed on at once."""
    links = InertLinks()
    pieces = ("Yes", " [1", "]", "(", " <i", "mg", "\n", "`", "``", "\n", "<b>")
    assert [links.feed(piece) for piece in pieces] == [
        *("Yes", " [1", "]", " (", " < i", "mg", "\n", "`", "``", "\n", "<b>")
    ]
