"""The output of the command line; text of documents cannot steer a terminal."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from fixtures.terminal import Terminal
from gwkit.terminal.output import Output, prepare_streams, visible

if TYPE_CHECKING:
    from rich.console import Console


def draw_bold(console: Console) -> None:
    """Draw styled text and text that looks like markup."""
    console.print("[red]bold[/red]", style="bold")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, grün, 漢字, 🙂", "plain, grün, 漢字, 🙂"),
        ("a\tb\nc\r\nd", "a\tb\nc\nd"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("bell\x07 back\x08 return\r", "bell\\x07 back\\x08 return\\r"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("user\u202etxt.exe\u2066", "user\\u202etxt.exe\\u2066"),
        ("pass\u200bword\ufeff \U000e0041", "pass\\u200bword\\ufeff \\U000e0041"),
        (
            "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f467",
            "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f467",
        ),
        ("ad\u200dmin\u200c", "ad\\u200dmin\\u200c"),
    ],
    ids=[
        *("text", "layout", "escape", "control", "c1", "direction"),
        *("invisible", "joiners", "needless joiners"),
    ],
)
def test_what_steers_a_terminal_is_written_out(text: str, expected: str) -> None:
    """Text is unchanged, except for control characters and direction marks."""
    assert expected == visible(text)


def test_a_result_is_text_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    """Without `--json` only the drawn text is written: markup stays text, without colour."""
    Output(as_json=False).result({"a": 1}, draw_bold)

    assert ("[red]bold[/red]\n", "") == capsys.readouterr()


def test_a_result_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    """With `--json` it is one document in ASCII, for any content."""
    document = {"text": "grün \x1b[31m \u202e", "list": [1, None]}

    Output(as_json=True).result(document, draw_bold)

    written = capsys.readouterr().out
    assert document == json.loads(written)
    assert written.isascii()
    assert "\x1b" not in written


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal styles become escape sequences, unless colour is disabled."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())

    Output(as_json=False).result({}, draw_bold)

    assert "\x1b[1m" in terminal.getvalue()


@pytest.mark.parametrize("as_json", [False, True])
def test_remarks_are_for_people(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    """A remark goes to stderr, and is omitted for programs."""
    Output(as_json=as_json).remark("by the way \x1b")

    assert ("", "" if as_json else "by the way \\x1b\n") == capsys.readouterr()


def test_an_error_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """The line has the problem and the remedy; stdout stays empty."""
    Output(as_json=False).error("it broke", kind="IngestError", code=1, hint="mend it")

    assert ("", "error: it broke\nmend it\n") == capsys.readouterr()


def test_an_error_is_a_json_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    """With `--json` the error is in place of the result."""
    Output(as_json=True).error("it broke", kind="IngestError", code=1, hint="mend it")

    out, err = capsys.readouterr()
    assert {"error": {"type": "IngestError", "detail": "it broke", "exit_code": 1}} == json.loads(
        out
    )
    assert not err


def test_a_reader_that_has_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `… | head -1`, unread output is dropped, also later output."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)

        Output(as_json=False).text("nobody reads this")
        Output(as_json=False).text("nor this")


def test_no_encoding_makes_output_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A character that the terminal's encoding, or any, lacks is written as an escape."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stream)
    prepare_streams()

    Output(as_json=False).text("grün 漢 \udc80")

    stream.seek(0)
    assert "grün \\u6f22 \\udc80\n" == stream.read()


def test_streams_that_have_no_encoding_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that is not a file, as in a notebook, is used unchanged."""
    monkeypatch.setattr(sys, "stdout", stream := io.StringIO())
    prepare_streams()

    Output(as_json=False).text("漢")

    assert "漢\n" == stream.getvalue()
