"""Collects blocks while a loader walks through a document."""

from __future__ import annotations

import re

from gwkit.documents import Block, BlockKind

__all__ = ["BlockBuilder"]

_SPACE_RUN = re.compile(r"(?<=\S) {2,}(?=\S)")


class BlockBuilder:
    """Blocks in reading order; text that is written between two other blocks becomes one."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._text: list[str] = []
        self._at_line_start = True

    def write(self, text: str) -> None:
        """Add to the open text block, or open one; space at the start of a line is dropped."""
        if self._at_line_start:
            text = text.lstrip(" ")
        if text:
            self._text.append(text)
            self._at_line_start = False

    def new_line(self) -> None:
        """Begin a new line of the open text block, unless one has just begun."""
        if not self._at_line_start:
            self._text.append("\n")
            self._at_line_start = True

    def marker(self, text: str) -> None:
        """Begin a new line with a list marker; what is written next follows on the same line."""
        self.new_line()
        self._text.append(text)
        self._at_line_start = True

    def end_text(self) -> None:
        """Close the open text block."""
        text = _SPACE_RUN.sub(" ", "".join(self._text)).strip()
        self._text.clear()
        self._at_line_start = True
        if text:
            self._blocks.append(Block(BlockKind.TEXT, text))

    def heading(self, text: str, level: int) -> None:
        """Add a heading, of level 1 to 6, on one line."""
        self.end_text()
        if title := " ".join(text.split()):
            self._blocks.append(Block(BlockKind.HEADING, title, level))

    def code(self, text: str) -> None:
        """Add a code block, with its line breaks and indentation as they are."""
        self.end_text()
        if text.strip():
            self._blocks.append(Block(BlockKind.CODE, text.strip("\n").rstrip()))

    def finish(self) -> tuple[Block, ...]:
        """Close what is open and return the blocks."""
        self.end_text()
        return tuple(self._blocks)
