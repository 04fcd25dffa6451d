"""Work on a caller's text is at most linear in its length."""

from __future__ import annotations

import re
import sys
from functools import partial
from inspect import getsource
from itertools import islice, pairwise, product
from random import sample
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from app.api import schemas
from app.graph.composition import ReplyText
from app.graph.evidence import check_evidence
from app.ingestion.chunking import chunk_blocks
from app.ingestion.cleaning import clean
from app.ingestion.loaders import LoaderRegistry, markdown, plaintext, webpage
from app.ingestion.loaders.visibility import is_unseen
from app.retrieval.ranking import HybridRanking
from fixtures.effort import THOROUGH
from fixtures.models import make_hit
from gwkit.documents import Block, BlockKind
from gwkit.index.sqlite.searching import match_expression
from gwkit.logging.redaction import Redactor
from gwkit.models.messages import Passage
from gwkit.offline.extraction import extract
from gwkit.offline.extractive import format_answer
from gwkit.text.characters import count_tokens, escape_controls
from gwkit.text.sentences import quotes
from gwkit.text.terms import TermRules
from gwkit.text.words import near_words
from kit.fixtures.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

# Each is repeated to the requested length.
HOSTILE = [
    "a", "A", "aB", "1", "1,", "1.", "a.", "a-", "a_", "a'", "ab ", "a. ", '."', ".)", "Q: a? ",
    " ", "\t", "\n", " \n", "a\n", "a\n\n", "-", "_", "|", "`", "``a", "~", "*a ", "_a*", "**", "#",
    "[", "]", "![", "[a](", "[a]: b\n", "[1", "[1]", "<", "<a ", "<div>\n\n", "<!--", "&", "\\",
    "{", "> ", "- ", "1. ", "- a\n", "# a\n", "a\n=\n", "    a\n", "```\n", "|a|b|\n",
    "|a|b|\n|-|-|\n", "---\n", "a: b\n", "how much ", "what can ", "eyJ-", "sk-", "://a:", "token=",
    "\u0301\u0323", "a\u0301\u0323", "\u0301\uff9e", "\u0308\u0301\u0344", "\u0f73\u0301",
    "\U0001e944\u0301", "\u1100\u1161", "\u0e01\ufe0f", "\ufe0f\U000e0101", "\u200d",
    "\U0001f468\u200d", "\u0928\u093f", "\u0643\u064e\u0651", "\u691c\u7d22", "\u691c\u7d22\u3002",
    "\u0130", "\ufb03", "\u202e", "\x00\r",
]  # fmt: skip
ENDED = [
    ("def ", " ", "x"),
    ("f(", " ", ")x"),
    ("# a", " ", "b"),
    ("a@", "a", ""),
    ("$ a", " -", ""),
]
TEXTS = [("", unit, "") for unit in HOSTILE] + ENDED
LIMIT = 1.3
"""Times what linear growth would be."""


def read(load: Callable[[str, bytes], object]) -> Callable[[str], object]:
    """Return what loads a text."""
    return lambda text: load("a.x", text.replace("\x00", "").encode())


def answer(text: str) -> None:
    """Use such a text as the question and as its passages."""
    for question in (text, "Which a b is it?"):
        format_answer(extract(question, [passage(text)]))


def passage(text: str) -> Passage:
    """Return a passage with this text."""
    return Passage(number=1, document="a", text=text, heading=text[:100])


ENTRY_POINTS: dict[str, Callable[[str], object]] = {
    "cleaning": clean,
    "plain text": read(plaintext.load),
    "Markdown": read(markdown.load),
    "HTML": read(webpage.load),
    "prose chunks": lambda text: chunk_blocks([Block(BlockKind.TEXT, text)], budget=64, overlap=16),
    "code chunks": lambda text: chunk_blocks([Block(BlockKind.CODE, text)], budget=64, overlap=16),
    "heading chunks": lambda text: chunk_blocks(
        [Block(BlockKind.HEADING, line, 1) for line in text.split("\n")], budget=64, overlap=16
    ),
    "query terms": lambda text: match_expression(HybridRanking().terms(text)),
    "indexed terms": TermRules().of_text,
    "grounding": lambda text: check_evidence(
        text, [make_hit(text)], min_grounding=0.5, max_tokens=9_999
    ),
    "offline answer": answer,
    "reply": lambda text: (shown := ReplyText({1})).feed(text) + shown.finish(),
    "redaction": lambda text: Redactor().text(escape_controls(text)),
    "tokens": count_tokens,
    "validation": lambda text: schemas.SearchRequest(query=f"a{text}b"),
}


@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_work_grows_no_faster_than_the_text(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For texts of doubling sizes the counted work at most doubles, times 1.3."""
    work, job = Work(monkeypatch), ENTRY_POINTS[entry]
    job("warm-up")
    for start, unit, end in TEXTS if THOROUGH else sample(TEXTS, 20):
        texts = (start + unit * (size // len(unit)) + end for size in (500, 1_000, 2_000))
        counts = [work.of(partial(job, text)) for text in texts]
        for before, after in pairwise(counts):
            assert after <= LIMIT * 2 * before, (start, unit, end, counts)


@pytest.mark.parametrize("count", [500, 1_000, 2_000])
def test_fuzzy_matching_compares_a_bounded_number_of_words(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many unknown words beside many similar ones: most pairs are not compared."""
    unknown = ["q" + "".join(end) for end in islice(product("abcdefghij", repeat=6), count)]
    known = frozenset(f"{word}x" for word in unknown)

    assert 100_000 + 20 * count > Work(monkeypatch).of(lambda: near_words(unknown, known))


# Each would take hours if its expression looked at every pair of characters: such a run is ended as
# hanging. What an expression does within its text cannot be counted from outside.
MILLION = {
    "words of a query": lambda: HybridRanking().terms("x" * 1_000_000),
    "names in a query": lambda: HybridRanking().terms("x." * 500_000),
    "marks to clean": lambda: clean("a" + "\u0301\u0323" * 500_000),
    "blanks to clean": lambda: clean("a" + " " * 1_000_000 + "b"),
    "marks to index": lambda: TermRules().of_text("a" + "\u0301\uff9e" * 500_000),
    "blanks in a heading": lambda: markdown.load("a.md", b"# a" + b" " * 1_000_000 + b"b"),
    "blanks in a call": lambda: quotes("f(" + " " * 1_000_000 + ")x"),
    "digits in a style": lambda: is_unseen(
        etree.fromstring(f"<p style='left:-{'1' * 1_000_000}?'/>", etree.XMLParser(huge_tree=True))
    ),
    "beginnings of a token": lambda: Redactor().text("eyJ-" * 250_000),
}


@pytest.mark.parametrize("job", MILLION.values(), ids=MILLION)
def test_a_million_characters_are_looked_at_once(job: Callable[[], object]) -> None:
    """No expression restarts at each character, or tries each way to divide the text."""
    job()


def test_only_one_module_normalizes() -> None:
    """Other modules get normalization, with its bound on marks, from there."""
    modules = [
        module for name, module in sys.modules.items() if name.startswith(("app.", "gwkit."))
    ]
    assert ["gwkit.text.characters"] == [
        module.__name__
        for module in modules
        if re.search(r"unicodedata\.normalize|unicodedata import .*normalize", getsource(module))
    ]


@pytest.mark.parametrize("suffix", sorted(LoaderRegistry().suffixes))
def test_large_documents_are_for_the_parser_processes(suffix: str) -> None:
    """Files of every type that the service itself parses have a bound."""
    assert LoaderRegistry().is_risky(f"a{suffix}", 100_001)
