"""Writes results to stdout, remarks and errors to stderr, in one place.

With `--json` a command writes exactly one JSON document on stdout: its result, or its error.
Text that comes from documents is shown, never obeyed: control characters are written as escapes.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gwkit.text.characters import escape_controls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console

__all__ = ["Output", "prepare_streams", "visible"]

_MAX_WIDTH = 100


def visible(text: str) -> str:
    r"""Return the text with what could steer a terminal written out, such as `\x1b`.

    Newlines and tabs stay; the rest is as `gwkit.text.characters.escape_controls` says.
    """
    return escape_controls(text.replace("\r\n", "\n"), keep="\n\t")


def prepare_streams() -> None:
    """Let no character fail that the terminal's encoding lacks: it is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Output:
    """Writes what one command has to say.

    Args:
        as_json: write results and errors as one JSON document, and no remarks.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, document: Mapping[str, object], draw: Callable[[Console], None]) -> None:
        """Write the result: `document` as JSON, or what `draw` prints for a person."""
        if self.as_json:
            _write(sys.stdout, _json(document))
        else:
            _write(sys.stdout, _drawn(sys.stdout, draw))

    def text(self, text: str) -> None:
        """Write text for a person on stdout, as it is."""
        _write(sys.stdout, text.rstrip("\n") + "\n")

    def remark(self, text: str) -> None:
        """Tell a person something beside the result, on stderr."""
        if not self.as_json:
            _write(sys.stderr, visible(text) + "\n")

    def error(self, message: str, *, kind: str, code: int, hint: str = "") -> None:
        """Write why the command failed; JSON has `{"error": {"type", "detail", "exit_code"}}`."""
        if self.as_json:
            error = {"type": kind, "detail": message, "exit_code": code}
            _write(sys.stdout, _json({"error": error}))
        else:
            self.remark("\n".join(filter(None, (f"error: {message}", hint))))


def _json(document: Mapping[str, object]) -> str:
    """ASCII alone: right in every locale, and without a control character."""
    return json.dumps(document, indent=2, default=str) + "\n"


def _drawn(stream: TextIO, draw: Callable[[Console], None]) -> str:
    from rich.console import Console

    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal or console.width > _MAX_WIDTH:
        console.width = _MAX_WIDTH
    with console.capture() as capture:
        draw(console)
    # Wrapping leaves spaces at the ends of lines.
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _write(stream: TextIO, text: str) -> None:
    """Write now; when the reader has gone, what is still to come goes nowhere, quietly."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
