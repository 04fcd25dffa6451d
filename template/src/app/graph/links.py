"""Links in a reply, made inert while it streams: a reader sees them, and nothing follows them.

A document that makes a model write `![](https://example.org/?q=…)` would have the answer's reader
send what the model knows to a stranger, by looking at it. So an answer has no image, no link and no
definition of one, no script, and no HTML element with attributes: a space goes where their syntax
(CommonMark 0.31) admits none. What they say, address and all, stays legible as text.
"""

from __future__ import annotations

import re

__all__ = ["InertLinks"]

_LINE_END = re.compile(r"\r\n?")
_FENCE = re.compile(r"(?P<fence>`{3,}(?=[^`]*\Z)|~{3,})")
_MAY_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_END = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})[ \t]*\Z")
_CONTAINERS = r"[ \t>*+\-\d.)]*"
# A line can open a definition if its paragraph begins with a bracket.
_BRACKET = re.compile(rf"{_CONTAINERS}\[")
# Where a list or a page of HTML ends, and a fence in it, takes a whole parser to say.
_DOUBT = re.compile(rf"{_CONTAINERS}(?:```|~~~|<[!?/A-Za-z])")
_UNDECIDED = re.compile(rf"{_CONTAINERS}(?:`{{1,2}}|~{{1,2}}|<)?\Z")
_TARGET = re.compile(r"\](?=\()")
_DEFINITION = re.compile(r"\](?=[(:])")
_ELEMENT = re.compile(r"<(?=(?i:script|style)>|[A-Za-z][\w+.-]{0,40}(?:[\s/:@]|\Z))")
_UNFINISHED = re.compile(r"(?:\]|<(?:[A-Za-z][\w+.-]{0,40})?)\Z")


class InertLinks:
    """Passes a reply's text through and breaks its links.

    Code in a fence at the start of a line is left alone, for nothing in it is a link. Any other
    code is not, nor is any fence after a line that puts its bounds in doubt: where that code ends
    is for a renderer to say, and a stray backtick must hide no link. The text that comes out does
    not depend on the pieces in which it went in.
    """

    def __init__(self) -> None:
        self._held = ""
        self._fence = ""
        self._begun = False  # some of the current line has come out
        self._may_define = False
        self._doubt = False

    def feed(self, text: str) -> str:
        """Take a piece and return what is certain by now."""
        text = self._held + text
        if text.endswith("\r"):
            # The line end may go on.
            text, self._held = text[:-1], "\r"
        else:
            self._held = ""
        *lines, rest = _LINE_END.sub("\n", text).split("\n")
        done = "".join(f"{self._line(line)}\n" for line in lines)
        certain = self._certain(rest)
        self._held = rest[certain:] + self._held
        return done + self._part(rest[:certain])

    def finish(self) -> str:
        """Return what was held back, as no more text comes."""
        text, self._held = _LINE_END.sub("\n", self._held), ""
        *lines, rest = text.split("\n")
        done = "".join(f"{self._line(line)}\n" for line in lines)
        return done + self._part(rest)

    def _certain(self, rest: str) -> int:
        """Return how much of an unfinished line can come out."""
        if not self._begun and (_MAY_FENCE.match(rest) or _UNDECIDED.match(rest)):
            return 0
        unfinished = None if self._fence else _UNFINISHED.search(rest)
        return unfinished.start() if unfinished else len(rest)

    def _line(self, line: str) -> str:
        """Return a line, or the end of one, and be ready for the next."""
        if self._fence:
            done = line
            end = None if self._begun else _END.match(line)
            if end and end["fence"].startswith(self._fence):
                self._fence = ""
        elif not (self._begun or self._doubt) and (fence := _FENCE.match(line)):
            done = line
            self._fence = fence["fence"]
        else:
            if not self._begun and not line.strip():
                self._may_define = False
            done = self._part(line)
        self._begun = False
        return done

    def _part(self, text: str) -> str:
        if not text or self._fence:
            self._begun = self._begun or bool(text)
            return text
        if not self._begun:
            self._may_define = self._may_define or _BRACKET.match(text) is not None
            self._doubt = self._doubt or _DOUBT.match(text) is not None
        self._begun = True
        ends = _DEFINITION if self._may_define else _TARGET
        return _ELEMENT.sub("< ", ends.sub("] ", text))
