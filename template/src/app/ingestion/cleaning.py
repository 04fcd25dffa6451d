"""Cleaning: what a reader cannot see goes, what a reader can see stays."""

from __future__ import annotations

import re

from gwkit.text.characters import normalize

__all__ = ["clean"]

_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(
    "["
    "\u00ad\u034f"  # soft hyphen, grapheme joiner
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # direction marks, overrides, shaping
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\u180b-\u180f\u200b\u2060-\u2065\ufeff"  # zero-width spaces, word joiners, byte order marks
    "\ud800-\udfff"  # lone surrogates, which no file and no database can hold
    "\ufff9-\ufffb"  # interlinear annotation
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"  # tags, a known way to hide instructions
    "]"
)

_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_SHAPING = re.compile(f"[\u200c\u200d{_SELECTORS}]+")
_SELECTOR = re.compile(f"[{_SELECTORS}]")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    r"""Return a text in Unicode NFC without what is invisible and without needless white space.

    Removed are control, zero-width and bidirectional characters, soft hyphens, tag characters, lone
    surrogates, space at the end of lines, all blank lines in a row but one, blank lines at both
    ends, and the combining marks beyond 30 in a row. Zero-width joiners stay between letters
    outside ASCII, where they change what is seen (Persian, the Indic scripts, emoji), and one
    variation selector after such a letter or in a keycap, for a row of them could say anything.
    Line ends become `\n` and typographic spaces plain ones. Words hyphenated at a line's end stay
    so, because `re-\nform` looks like `well-\nknown`; only the
    PDF loader joins them, by the other words of the document.

    Cleaning twice changes nothing more.
    """
    text = _CONTROL.sub("", _LINE_END.sub("\n", text))
    if not text.isascii():
        text = normalize("NFC", _INVISIBLE.sub("", text))
        text = normalize("NFC", _SHAPING.sub(_shaping, _SPACE.sub(" ", text)))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip("\n")


def _shaping(match: re.Match[str]) -> str:
    """Keep joiners and one selector between two characters outside ASCII, where they shape them."""
    before = match.string[max(0, match.start() - 1) : match.start()]
    after = match.string[match.end() : match.end() + 1]
    selectors = _SELECTOR.findall(match[0])
    selected = selectors[:1] if not before.isascii() or after == "\u20e3" else []
    joined = "" if before.isascii() or after.isascii() else _SELECTOR.sub("", match[0])
    return "".join(selected) + joined
