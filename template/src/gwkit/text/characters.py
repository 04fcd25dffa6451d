"""Characters: in a normal form, written out where they cannot be seen, and counted as tokens."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal

__all__ = [
    "BYTES_PER_TOKEN",
    "MOST_MARKS",
    "count_tokens",
    "escape_controls",
    "escape_json",
    "normalize",
]

BYTES_PER_TOKEN = 4
"""Bytes of UTF-8 in a token: what byte-pair tokenizers average on English prose and Markdown."""

MOST_MARKS = 30
"""Combining marks in a row: the bound of the Stream-Safe Text Format (UAX 15, section 13), which no
writing comes near. Putting marks in order takes time in proportion to the square of their number,
and holds the interpreter meanwhile."""

_END_OF_MARKS = 0x20000
# Characters that are no marks but decompose to some.
_BECOME_MARKS = "\u0f73\u0f75\u0f81\uff9e\uff9f"

# Line ends and terminal codes (C0, DEL, C1), the marks that turn the direction of text (UAX 9),
# what has no width, tags, and lone surrogates, which no terminal can be sent. Joiners are part of
# how some scripts and emoji are written, but not beside ASCII.
_CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
    r"|(?:(?<=[ -~])|(?<![\s\S]))[\u200c\u200d]|[\u200c\u200d](?=[ -~]|\Z)"
)


def escape_controls(text: str, *, keep: str = "") -> str:
    r"""Return the text with what steers a terminal, or cannot be seen, written out as in `\x1b`.

    These are the control characters and line ends, the marks that change the direction of writing
    (https://trojansource.codes), and characters without a width.

    Args:
        text: any text.
        keep: characters to leave as they are, such as a newline.
    """
    if text.isascii() and text.isprintable():
        return text

    def escaped(match: re.Match[str]) -> str:
        code = match[0].encode("unicode_escape", "surrogatepass").decode("ascii")
        return match[0] if match[0] in keep else code

    return _CONTROLS.sub(escaped, text)


def escape_json(document: str) -> str:
    """Return a JSON document on one line that means the same, with these characters escaped.

    Some readers of lines also end one at U+0085 or U+2028, which JSON may hold as they are.
    """
    if document.isascii() and document.isprintable():
        return document

    def escaped(match: re.Match[str]) -> str:
        units = match[0].encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))

    return _CONTROLS.sub(escaped, document)


def normalize(form: Literal["NFC", "NFKD"], text: str) -> str:
    """Return the text in a normalization form, without the marks beyond `MOST_MARKS` in a row."""
    if text.isascii():
        return text
    possible, runs = _patterns()
    return unicodedata.normalize(form, possible.sub(lambda run: runs.sub(r"\1", run[0]), text))


def count_tokens(text: str) -> int:
    """Return the estimated number of tokens of a text: a quarter of its UTF-8 bytes, rounded up.

    An empty text has 0 tokens, any other at least 1. Within about a fifth of the byte-pair
    tokenizers of current models for prose, some more tokens than theirs for scripts that take
    several bytes a character, fewer for dense code. For any `a` and `b`:

    - `count(a) + count(b) - 1 <= count(a + b) <= count(a) + count(b)`
    - so it never falls when text is added, on either side.

    Constant time for ASCII, otherwise the time of one encoding (about 1 GB/s).
    """
    size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
    return -(-size // BYTES_PER_TOKEN)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds possible runs of marks fast, and what cuts the runs in those."""
    marks = _BECOME_MARKS + "".join(filter(unicodedata.combining, map(chr, range(_END_OF_MARKS))))
    # One range stands for the marks beyond U+FFFF: a set tries those one by one.
    fast = "".join(mark for mark in marks if mark <= "\uffff") + "\U00010000-\U0001ffff"
    return (
        re.compile(f"[{fast}][{fast}]{{{MOST_MARKS},}}"),
        re.compile(f"([{marks}]{{{MOST_MARKS}}})[{marks}]+"),
    )
