"""No secret, and no forged line, gets into the log."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from pydantic import Field, SecretStr

from app.config.settings import Settings
from gwkit.logging.formatting import EventFormatter, render_json
from gwkit.logging.redaction import Redactor
from gwkit.logging.setup import configure_logging

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fixtures.configuration import MakeSettings


CANARY = "canary-4711/ä"


log = structlog.stdlib.get_logger("app.somewhere")


class SecretSettings(Settings):
    """Settings that hold a secret."""

    signing_key: SecretStr = Field(default=SecretStr(CANARY), description="Signs links.")


class Unprintable:
    """An object whose text fails."""

    def __str__(self) -> str:
        raise ValueError(CANARY)

    __repr__ = __str__


def events(text: str) -> list[dict[str, Any]]:
    """Return the events of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def fail(message: str) -> None:
    """Raise an error whose frame has a secret among its locals."""
    local = CANARY
    assert local
    raise ValueError(message)


def leak_in_event() -> None:
    """Log the canary as a message."""
    log.warning(f"key {CANARY}")  # noqa: G004 - a mistake on purpose


def leak_in_field() -> None:
    """Log the canary as a value, as a key, and deep inside."""
    log.info("event", value=CANARY, deep={"a": [{"b": (CANARY,)}], CANARY: {CANARY}})


def leak_in_args() -> None:
    """Log the canary as arguments of both kinds of loggers."""
    log.info("event %s", CANARY)
    logging.getLogger("library").info("event %s %r", CANARY, {"k": CANARY})
    logging.getLogger("library").info("event %(key)s", {"key": CANARY})


def leak_in_extra() -> None:
    """Log the canary as a library's extra."""
    logging.getLogger("library").info("event", extra={"header": CANARY})


def leak_in_wrong_args() -> None:
    """Log the canary where the message does not fit its arguments."""
    logging.getLogger("library").info("event %d", CANARY)
    logging.getLogger("library").info("event %s", CANARY, CANARY)  # noqa: PLE1205 - on purpose


def leak_in_exception() -> None:
    """Log the canary in an exception's text, cause, note, and in the frames' locals."""
    try:
        try:
            fail(CANARY)
        except ValueError as exc:
            error = ExceptionGroup(CANARY, [exc])
            error.add_note(CANARY)
            raise error from exc
    except ExceptionGroup:
        log.exception("failed")
        logging.getLogger("library").exception("failed")


def leak_in_context() -> None:
    """Log the canary as a bound variable."""
    with structlog.contextvars.bound_contextvars(where=CANARY):
        log.info("event")
        logging.getLogger("library").info("event")
    log.bind(where=CANARY).info("event")


def leak_in_object() -> None:
    """Log the canary in the text of an object, and of one whose text fails with it."""
    log.info("event", value=ValueError(CANARY), other=Unprintable())
    logging.getLogger("library").info(Unprintable())
    logging.getLogger("library").info("event %s", Unprintable())


def leak_in_url() -> None:
    """Log the canary quoted, as in a URL or a JSON text."""
    log.info("event", url="http://h/?x=canary-4711%2F%C3%A4", body=json.dumps({"x": CANARY}))


def leak_in_warning() -> None:
    """Log the canary as a warning."""
    logging.getLogger("py.warnings").warning("%s", f"w.py:1: UserWarning: {CANARY}\n  f()\n")


def leak_in_settings() -> None:
    """Log the settings, their secret, and a dump of what is in it."""
    settings = SecretSettings()
    log.info("event", settings=settings, key=settings.signing_key, raw=settings.model_dump())


LEAKS = [
    leak_in_event,
    leak_in_field,
    leak_in_args,
    leak_in_extra,
    leak_in_wrong_args,
    leak_in_exception,
    leak_in_context,
    leak_in_object,
    leak_in_url,
    leak_in_warning,
    leak_in_settings,
]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_planted_secret_reaches_no_output(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, leak: Callable[[], None], form: str
) -> None:
    """No part of a record reaches the console, JSON or the file."""
    path = tmp_path / "service.log"
    settings = {"log_format": form, "log_file": path, "log_level": "DEBUG"}
    configure_logging(SecretSettings.model_validate(settings))
    leak()
    out, err = capsys.readouterr()
    written = path.read_text(encoding="utf-8")
    assert err.strip()
    assert written.strip()
    for text in (out, err, written):
        assert "canary-4711" not in text


def test_a_handler_that_fails_prints_no_record(
    capsys: pytest.CaptureFixture[str],
    make_settings: MakeSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A closed stream, or a full disk, neither raises nor prints the raw record."""
    configure_logging(make_settings(log_format="json"))
    closed = io.StringIO()
    closed.close()
    real = sys.stderr
    monkeypatch.setattr(sys, "stderr", closed)
    log.info("event", password=CANARY)
    monkeypatch.setattr(sys, "stderr", real)
    assert ("", "") == capsys.readouterr()


def test_a_formatter_never_raises(capsys: pytest.CaptureFixture[str]) -> None:
    """A record that cannot be rendered is logged as such."""

    def render(event: dict[str, Any]) -> str:
        if event["event"] != "record_not_loggable":
            raise RecursionError(CANARY)
        return render_json(event)

    formatter = EventFormatter("s", Redactor(), render)
    event = json.loads(formatter.format(logging.makeLogRecord({"msg": "m", "levelname": "INFO"})))
    assert ("record_not_loggable", "RecursionError") == (event["event"], event["error"])
    assert ("", "") == capsys.readouterr()


@pytest.mark.parametrize("value", ["\ud800", 2**70, float("nan"), b"\xff", {1: 2}, {None}])
def test_odd_values_are_still_one_line_of_json(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings, value: object
) -> None:
    """Values that JSON or UTF-8 cannot hold are written otherwise."""
    configure_logging(make_settings(log_format="json"))
    log.info("event", value=value)
    [event] = events(capsys.readouterr().err)
    assert "value" in event


HOSTILE = (
    "a\n2026-01-01T00:00:00.000Z error    forged [app]\r\x1b[2J\u202e\u2028\x9b\x00 level=error"
)


def test_nothing_can_forge_a_line_on_the_console(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """Each event starts one line, whatever is in messages, names, values or exceptions."""
    configure_logging(make_settings(log_format="console"))
    log.info("event", value=HOSTILE, deep={HOSTILE: [HOSTILE]}, **{HOSTILE: 1})
    logging.getLogger(f"library{HOSTILE}").warning("message %s", HOSTILE)
    try:
        fail(HOSTILE)
    except ValueError:
        log.exception("failed")
    err = capsys.readouterr().err
    assert not set(err) & {"\r", "\x1b", "\u202e", "\u2028", "\x9b", "\x00"}
    heads = [line for line in err.splitlines() if not line.startswith("    ")]
    assert 3 == len(heads)
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+Z (info|warning|error) ", head) for head in heads)
    assert "\n    ValueError: a\n    2026-01-01" in err


def test_a_value_with_spaces_cannot_look_like_a_field(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """Plain words are bare; other values are quoted, with their quotes escaped."""
    configure_logging(make_settings(log_format="console"))
    log.info("event", a="plain/word.md", b='x" level=error', c=None, d=[1, "é"], e=True, f="", g=2)
    line = capsys.readouterr().err
    assert (
        'event a=plain/word.md b="x\\" level=error" c=null d=[1, "é"] e=true f="" g=2 [app.som'
    ) in line
