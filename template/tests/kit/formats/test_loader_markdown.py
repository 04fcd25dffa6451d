"""Markdown gives the visible text: front matter, MDX, placeholders, hidden parts, footnotes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.ingestion.loaders import LoaderRegistry
from app.ingestion.loaders.markdown import split_front_matter
from gwkit.documents import BlockKind


def _load(source: str, document: str = "a.md") -> list[tuple[int, str]]:
    """Return level and text of each block; code has the level -1."""
    blocks = LoaderRegistry().load(document, source.encode()).blocks
    return [(-1 if b.kind is BlockKind.CODE else b.level, b.text) for b in blocks]


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("---\ntitle: A\n---\nText", {"title": "A"}),
        ("---\ntitle: A\n...\nText", {"title": "A"}),
        ("\n---\ndate created: 2024-01-31\n---\nText", {}),
        ("---\n# why\ntags:\n- a\n- b\n\nlang: en\n---\nText", {"lang": "en"}),
        (
            '---\nlist: [\n  a,\n]\ntext: |\n  x\n\n  y\n"a b": c\nlang: en\n---\nText',
            {"lang": "en"},
        ),
        ("---\n---\nText", {}),
        (
            '+++\ntitle = "A"\nday = 2024-01-31\ndraft = true\nn = 3\n[more]\na = 1\n+++\nText',
            {"title": "A", "day": "2024-01-31", "draft": "true", "n": "3"},
        ),
        ("+++\n+++\nText", {}),
    ],
)
def test_front_matter(source: str, values: dict[str, str]) -> None:
    """Plain values at the top level are metadata, and not part of the text."""
    assert (values, "Text") == split_front_matter(source)


@pytest.mark.parametrize(
    "source",
    [
        "---\n\nOpening hours: 9 to 5.\n\n---\n\nMore",
        "---\nText that says: this.\nAnd goes on.\n---\nMore",
        "---\nRead this first.\n---\nMore",
        "---\n- a\n- b\n---\nMore",
        "---\ntitle: never closed\n",
        "***\ntitle: A\n***\n",
        "+++\nno TOML\n+++\nMore",
        "+++\na = " + "[" * 5_000 + "\n+++\nMore",
        "+++\ntitle = 'never closed'\n",
        "Text\n---\ntitle: A\n---\n",
    ],
)
def test_what_is_no_front_matter_is_text(source: str) -> None:
    """A document may begin with a rule; the text below it is kept."""
    assert ({}, source) == split_front_matter(source)


@pytest.mark.parametrize(
    "statement",
    [
        "import Tabs from '@theme/Tabs';\nimport {\n  A,\n  B as C\n} from \"x\"",
        "import './a.css'\nimport * as all from 'b';\nimport d, {e} from 'f'",
        "import type { A } from './a'",
        "export const meta = {\n  title: 'x',\n  tags: ['a'],\n}",
        "export default function Page({ children }) {\n  return <div>{children}</div>\n}",
        "export default Layout",
        "export { a } from './a'\nexport * from 'b'\nexport type A = string",
        "export const broken = {{{",
    ],
)
@pytest.mark.parametrize("document", ["a.md", "a.mdx"])
def test_statements_of_mdx_are_no_text(document: str, statement: str) -> None:
    """They are for the site generator."""
    assert [(1, "T"), (0, "Text")] == _load(f"{statement}\n\n# T\n\n{statement}\n\nText", document)


@pytest.mark.parametrize(
    "text",
    [
        "import the goods, then export them.",
        "import numpy from conda.",
        "export your data as a file.",
        "export default settings from the menu.",
        "Text\nimport a from 'b'",
        "importance is 'high'",
    ],
)
def test_prose_that_begins_like_a_statement_stays(text: str) -> None:
    """Only valid JavaScript statements are dropped."""
    assert [(0, text.replace("\n", " "))] == _load(text)


def test_code_keeps_its_statements_and_comments() -> None:
    """Text in a fence is what the document is about."""
    code = "import a from 'b'\n\nexport default a\n{/* c */}\n[^1]: d\n<e>"
    assert [(-1, code)] == _load(f"~~~js\n{code}\n~~~")
    assert [(0, "Write `{/* c */}`.")] == _load("Write `{/* c */}`.")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<Tabs>\n<TabItem value='a'>\n\n*Text*\n\n</TabItem>\n</Tabs>", [(0, "Text")]),
        ("<Note kind='x'>Mind **this**</Note>", [(0, "Mind this")]),
        (
            "<Card>\nStart here\n</Card>\n\n<Video src={1} />\n\nEnd",
            [(0, "Start here"), (0, "End")],
        ),
        ("{/* not\nthis */}\n\nA {/* nor this */}b", [(0, "A b")]),
        ("Hello <your-name>, in <project name>", [(0, "Hello <your-name>, in <project name>")]),
        ("<api-key>\n\n- <host>:<port>", [(0, "<api-key>"), (0, "- <host>:<port>")]),
        ("# Use <name>\n\nA List<String>", [(1, "Use <name>"), (0, "A List<String>")]),
        ("|a|\n|-|\n|<val>|", [(0, "a\n<val>")]),
        ("<b>a</b> <kbd>b</kbd> <x-y>c</x-y> <img src=d> <i>e", [(0, "a b c e")]),
        ("Write `<name>` and \\<name>", [(0, "Write `<name>` and <name>")]),
    ],
)
def test_components_and_placeholders(source: str, expected: list[tuple[int, str]]) -> None:
    """An unknown tag without an end is a placeholder."""
    assert expected == _load(source)


@pytest.mark.parametrize(
    "hidden",
    [
        "Text <span style='display:none'>Ignore <b>all</b></span>",
        "Text <script>Ignore()</script><i hidden>Ignore",
        "Text\n\n<div hidden>\n\nIgnore\n\n<div>\n\n- Ignore\n\n</div>\n\nall\n\n</div>",
        "Text\n\n<template>\n\n# Ignore\n\n</template>",
        "Text\n\n[//]: # (Ignore)",
    ],
)
def test_what_markup_hides_in_markdown_stays_hidden(hidden: str) -> None:
    """A prompt cannot be hidden between two tags."""
    assert [(0, "Text"), (0, "End or")] == _load(f"{hidden}\n\nEnd <video> or <object>")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("A[^1] b.\n\n[^1]: Word\n[^b]: more", [(0, "A[^1] b."), (0, "[^1]: Word [^b]: more")]),
        (":::note Mind\nText\n:::", [(0, "Mind Text")]),
        (":::tip[Mind *this*]\n\nText\n\n:::", [(0, "Mind this"), (0, "Text")]),
        ("::: {.callout-note}\nText\n:::", [(0, "Text")]),
        ("A![b](data:image/svg+xml;base64," + "QUJD" * 9_999 + ")", [(0, "Ab")]),
        ("## A ##\n\n~~~\n# no\n```\n~~~\n\n\\# b", [(2, "A"), (-1, "# no\n```"), (0, "# b")]),
        ("- a\n  1. b\n     - c\n- [ ] d", [(0, "- a\n  1. b\n    - c\n- [ ] d")]),
        ("A [b] [c][] [d][e]\n\n[b]: /x\n[c]: <y>\n[e]: z 'Z'", [(0, "A b c d")]),
    ],
)
def test_what_else_markdown_has(source: str, expected: list[tuple[int, str]]) -> None:
    """Footnotes stay, directives give their titles, and inline images are removed."""
    assert expected == _load(source)


_LINES_OF_TWO_DOCUMENTS = """
import sys

from app.ingestion.loaders.markdown import load

def lines(data):
    counted = 0

    def trace(frame, event, _):
        nonlocal counted
        counted += event == "line" and "mdurl" in frame.f_code.co_filename
        return trace

    sys.settrace(trace)
    load("a.md", data)
    sys.settrace(None)
    return counted

print(*(lines(b"[a](b%20c) <https://example.org/%C3%A4>") for _ in range(2)))
"""


def test_no_document_fills_what_another_thread_reads() -> None:
    """The first document does no more with addresses than the next: all tables are there before.

    They belong to a library and are not locked, so a second thread would have read them half empty.
    """
    done = subprocess.run(  # noqa: S603 - the interpreter that runs the tests
        [sys.executable, "-c", _LINES_OF_TWO_DOCUMENTS], capture_output=True, text=True, check=True
    )
    first, second = map(int, done.stdout.split())

    assert 0 < first == second
