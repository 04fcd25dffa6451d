"""Separates the thoughts of a reasoning model from its answer where both come as one text.

Servers without a reasoning parser leave blocks such as `<think>…</think>` in the content.
"""

from __future__ import annotations

import re

__all__ = ["Thoughts"]

# Behind a backtick a tag is code, which the answer is about.
_TAG = re.compile(
    r"(`?)(?:<(/?)(?:think(?:ing)?|thoughts?|reasoning)>|\[(/?)THINK\])", re.IGNORECASE
)
_PART_OF_TAG = re.compile(r"(?:`|`?[<\[]/?[a-z]{0,9})\Z", re.IGNORECASE)
_LONGEST_PART = 12


class Thoughts:
    """Passes a reply's text on without its thoughts, also if the pieces split their tags.

    A block without an end is a thought if it begins a line, and text otherwise. Everything before
    a closing tag that has no opening tag is a thought as well.

    Args:
        held: hold all text back until it is certain that no such closing tag follows.
    """

    def __init__(self, *, held: bool) -> None:
        self._held: list[str] | None = [] if held else None
        self._is_inside = self._is_thought = self._has_tags = self._has_text = False
        self._at_line_start = True
        self._tail = ""
        self.began_inside = False
        """Whether the reply began with a thought that had no opening tag."""

    def feed(self, piece: str) -> str:
        """Take a piece and return the text that is certain to be part of the answer."""
        text = self._tail + piece
        shown, start = "", 0
        for tag in _TAG.finditer(text):
            if not tag[1]:
                shown += self._pass(text[start : tag.start()])
                shown += self._close() if tag[2] or tag[3] else self._open(tag[0])
                start = tag.end()
        part = _PART_OF_TAG.search(text, max(start, len(text) - _LONGEST_PART))
        end = part.start() if part else len(text)
        self._tail = text[end:]
        return shown + self._pass(text[start:end])

    def finish(self) -> str:
        """Return the text that was held back, as no more comes."""
        shown = self._pass(self._tail)
        return shown if self._is_inside and self._is_thought else shown + self._release()

    def _open(self, tag: str) -> str:
        if self._is_inside:
            return ""
        shown = self._release()
        self._is_inside, self._is_thought = True, self._at_line_start
        self._has_tags, self._held = True, [tag]
        return shown

    def _close(self) -> str:
        self.began_inside = self.began_inside or not self._has_tags
        self._is_inside, self._has_tags, self._held = False, True, None
        return ""

    def _release(self) -> str:
        held, self._held = self._held, None
        return self._pass("".join(held or ()))

    def _pass(self, text: str) -> str:
        if self._held is not None:
            self._held.append(text)
            return ""
        if not self._has_text:  # the space around a thought is not part of the answer
            text = text.lstrip()
        self._has_text = self._has_text or bool(text)
        _, line_end, line = text.rpartition("\n")
        self._at_line_start = not line.strip() and (bool(line_end) or self._at_line_start)
        return text
