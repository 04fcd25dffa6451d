"""Cleaning: what a reader cannot see goes, what a reader can see stays."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean"]

_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(
    "["
    "\u00ad"  # soft hyphen
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks and overrides
    "\u180e\u200b\u2060-\u2064\ufeff"  # zero-width spaces, word joiners, byte order marks
    "\ud800-\udfff"  # lone surrogates, which no file and no database can hold
    "\ufff9-\ufffb"  # interlinear annotation
    "\U000e0000-\U000e007f"  # tags, a known way to hide instructions in a text
    "]"
)
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
_JOINERS = re.compile("[\u200c\u200d]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    r"""Return a text in Unicode NFC without what is invisible and without needless white space.

    Removed are control, zero-width and bidirectional characters, soft hyphens, tag characters,
    lone surrogates, space at the end of lines, all blank lines in a row but one, and blank lines
    at both ends. Zero-width joiners stay between letters outside ASCII, where they change what is
    seen (Persian, the Indic scripts, emoji). Line ends become `\n` and typographic spaces plain
    ones. Words hyphenated at a line's end stay so, for nobody can tell `re-\nform` from
    `well-\nknown`.

    Cleaning twice changes nothing more.
    """
    text = _CONTROL.sub("", _LINE_END.sub("\n", text))
    if not text.isascii():
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
        text = unicodedata.normalize("NFC", _JOINERS.sub(_joiner, _SPACE.sub(" ", text)))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip("\n")


def _joiner(match: re.Match[str]) -> str:
    """Keep a joiner only where it stands between two characters outside ASCII."""
    before = match.string[max(0, match.start() - 1) : match.start()]
    after = match.string[match.end() : match.end() + 1]
    return "" if before.isascii() or after.isascii() else match[0]
