"""Tests of logging: one form for every record, and no secret in any of it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
import uvicorn
from pydantic import Field, SecretStr

from app.config.settings import Settings
from gwkit.errors import ConfigError
from gwkit.logging.redaction import Redactor
from gwkit.logging.rendering import render_json
from gwkit.logging.setup import EventFormatter, configure_logging
from gwkit.telemetry.context import bind_request_id, carry_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.configuration import MakeSettings

CANARY = "canary-4711/ä"

log = structlog.stdlib.get_logger("app.somewhere")


class SecretSettings(Settings):
    """Settings that hold a secret."""

    signing_key: SecretStr = Field(default=SecretStr(CANARY), description="Signs links.")


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Unprintable:
    """An object that nobody can show."""

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


def test_an_event_has_its_fields(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """Time in UTC, level, logger, event and service, then what the call says."""
    configure_logging(make_settings(log_format="json", service_name="my-service"))
    before = datetime.now(UTC)
    log.info("document_ingested", document="a.md", chunks=3, latency_ms=1.5, nested={"a": [1]})
    out, err = capsys.readouterr()
    assert "" == out
    [event] = events(err)
    moment = event.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
    assert abs((datetime.fromisoformat(moment) - before).total_seconds()) < 5
    assert {
        "level": "info",
        "logger": "app.somewhere",
        "event": "document_ingested",
        "service": "my-service",
        "document": "a.md",
        "chunks": 3,
        "latency_ms": 1.5,
        "nested": {"a": [1]},
    } == event


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical", "exception"])
def test_levels(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings, level: str
) -> None:
    """Every level is named in lower case; an exception is an error."""
    configure_logging(make_settings(log_format="json", log_level="DEBUG"))
    getattr(log, level)("happened")
    [event] = events(capsys.readouterr().err)
    assert ("error" if level == "exception" else level) == event["level"]
    assert "exception" not in event


def test_less_severe_records_are_left_out(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """The level holds for events and for libraries, and one logger may have its own."""
    configure_logging(make_settings(log_format="json", log_level="WARNING"))
    quiet = logging.getLogger("app.quiet")
    quiet.setLevel("ERROR")
    log.info("left_out")
    log.log(logging.INFO, "left_out")
    logging.getLogger("library").info("left out")
    structlog.stdlib.get_logger("app.quiet").warning("left_out")
    log.log(logging.WARNING, "kept")
    quiet.setLevel(logging.NOTSET)
    assert ["kept"] == [event["event"] for event in events(capsys.readouterr().err)]


def test_libraries_records_take_the_same_form(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """Arguments are formatted in, `extra` becomes fields, and the request id is there."""
    configure_logging(make_settings(log_format="json"))
    with bind_request_id("r-1"):
        logging.getLogger("library.part").warning("took %d ms", 12, extra={"attempt": 2})
        log.warning("took_long")
    library, own = events(capsys.readouterr().err)
    assert ("library.part", "took 12 ms", 2) == (
        library["logger"],
        library["event"],
        library["attempt"],
    )
    assert [*own] == [name for name in library if name != "attempt"]
    assert "r-1" == library["request_id"] == own["request_id"]


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error", "uvicorn.access"])
def test_uvicorns_records_take_the_same_form(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings, name: str
) -> None:
    """Also when uvicorn has set up its own handlers before."""
    uvicorn.Config(lambda: None)
    configure_logging(make_settings(log_format="json"))
    uvicorn.Config(lambda: None, log_config=None)
    request = ("127.0.0.1:1", "GET", f"/x?token={CANARY}", "1.1", 200)
    message = '%s - "%s %s HTTP/%s" %d'
    logging.getLogger(name).info(message, *request, extra={"color_message": "twice"})
    out, err = capsys.readouterr()
    assert "" == out
    [event] = events(err)
    assert {"timestamp", "level", "logger", "event", "service"} == event.keys()
    assert name == event["logger"]
    assert '127.0.0.1:1 - "GET /x?token=********** HTTP/1.1" 200' == event["event"]


def test_warnings_are_logged(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """What Python warns of is a record like any other."""
    configure_logging(make_settings(log_format="json"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("this will go away", FutureWarning, stacklevel=1)
    [event] = events(capsys.readouterr().err)
    assert ("py.warnings", "warning") == (event["logger"], event["level"])
    assert "FutureWarning: this will go away" in event["event"]


def test_configuring_twice_doubles_no_line(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings, tmp_path: Path
) -> None:
    """The second call replaces the first one's handlers, and leaves those of others alone."""
    others = logging.NullHandler()
    logging.getLogger().addHandler(others)
    before = len(logging.getLogger().handlers)
    first = tmp_path / "first.log"
    configure_logging(make_settings(log_format="json", log_file=first))
    log.info("one")
    configure_logging(make_settings(log_format="json"))
    configure_logging(make_settings(log_format="json"))
    log.info("two")
    assert ["one", "two"] == [event["event"] for event in events(capsys.readouterr().err)]
    assert ["one"] == [event["event"] for event in events(first.read_text(encoding="utf-8"))]
    assert others in logging.getLogger().handlers
    assert before + 1 == len(logging.getLogger().handlers)


def test_a_later_configuration_reaches_loggers_in_use(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """Module loggers outlive a configuration."""
    configure_logging(make_settings(log_format="json", log_level="ERROR", service_name="one"))
    log.info("left_out")
    configure_logging(make_settings(log_format="json", log_level="INFO", service_name="two"))
    log.info("kept")
    assert ["two"] == [event["service"] for event in events(capsys.readouterr().err)]


def test_an_exception_is_text_on_its_field(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """With its causes and without the locals of its frames."""
    configure_logging(make_settings(log_format="json"))
    try:
        try:
            fail("first")
        except ValueError as exc:
            raise KeyError("second") from exc
    except KeyError as error:
        log.exception("went_wrong", document="a.md")
        log.warning("went_wrong", exc_info=error)
        logging.getLogger("library").error("went wrong", exc_info=True)  # noqa: G201 - a library's habit
    for event in events(capsys.readouterr().err):
        assert event["exception"].startswith("Traceback (most recent call last):")
        assert "ValueError: first" in event["exception"]
        assert "direct cause" in event["exception"]
        assert event["exception"].rstrip().endswith("KeyError: 'second'")


def test_a_stack_is_text_on_its_field(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """Where one asks for it."""
    configure_logging(make_settings(log_format="json"))
    log.info("here", stack_info=True)
    [event] = events(capsys.readouterr().err)
    assert event["stack"].startswith("Stack (most recent call last):")


def test_an_exception_rendered_by_others_is_kept() -> None:
    """A record that was pickled on its way has the text only."""
    formatter = EventFormatter("s", Redactor([CANARY]), render_json)
    record = logging.makeLogRecord({"msg": "m", "exc_text": f"Traceback: {CANARY}"})
    assert "Traceback: **********" == json.loads(formatter.format(record))["exception"]


def test_a_stack_holds_no_secret() -> None:
    """It shows lines of source, and what a caller has put there."""
    formatter = EventFormatter("s", Redactor([CANARY]), render_json)
    record = logging.makeLogRecord({"msg": "m", "stack_info": f"Stack: connect({CANARY!r})"})
    assert "Stack: connect('**********')" == json.loads(formatter.format(record))["stack"]


def test_a_field_cannot_pass_for_the_formatters_own(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """What the formatter says of a record is true."""
    configure_logging(make_settings(log_format="json", service_name="real"))
    log.info("real", service="forged", level="forged", logger="forged", timestamp="forged")
    logging.getLogger("library").info("real", extra={"event": "forged", "service": "forged"})
    for event in events(capsys.readouterr().err):
        assert ("real", "real", "info") == (event["event"], event["service"], event["level"])
        assert "forged" == event["service_"]


class _Kept(logging.Handler):
    """Keeps every record."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_an_events_record_has_what_handlers_of_others_ask_for(make_settings: MakeSettings) -> None:
    """Every attribute of a record of the standard library, and of the same kind, is there."""
    configure_logging(make_settings(log_format="json"))
    kept = _Kept()
    logging.getLogger("kept").addHandler(kept)

    structlog.stdlib.get_logger("kept").info("stored", chunks=3)
    logging.getLogger("kept").warning("stored")

    ours, theirs = (vars(record) for record in kept.records)
    own = {"exc_text", "taskName"}  # of the formatter, and of newer Pythons
    assert {type(value) for value in theirs.values()} >= {str, int, float}
    assert {name: type(value) for name, value in theirs.items() if name not in own} == {
        name: type(value) for name, value in ours.items() if name in theirs.keys() - own
    }
    assert (os.getpid(), theirs["thread"]) == (ours["process"], ours["thread"])
    assert "%(process)d" not in logging.Formatter("%(process)d %(threadName)s").format(
        kept.records[0]
    )


def test_a_forked_process_tells_its_own_number() -> None:
    """The number of the process is remembered, and a child does not tell its parent's."""
    program = """
import logging, os, structlog
from gwkit.logging.events import EventLogger

class Told(logging.Handler):
    def emit(self, record):
        print(record.process == os.getpid(), flush=True)

logging.getLogger().addHandler(Told())
structlog.configure(wrapper_class=EventLogger, logger_factory=logging.getLogger, processors=[])
log = structlog.stdlib.get_logger("forked")
log.warning("before")
if child := os.fork():
    os.waitpid(child, 0)
log.warning("after")
"""
    told = subprocess.run(  # noqa: S603 - the program above
        [sys.executable, "-c", program], capture_output=True, check=True
    )
    assert [b"True"] * 3 == told.stdout.split()


def test_a_teams_own_records_are_made(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a factory for records is set, it makes those of events, too."""

    class Own(logging.LogRecord):
        pass

    monkeypatch.setattr(logging, "_logRecordFactory", Own)
    configure_logging(make_settings(log_format="json"))
    kept = _Kept()
    logging.getLogger("kept.own").addHandler(kept)

    structlog.stdlib.get_logger("kept.own").info("stored", chunks=3)

    assert [Own] == [type(record) for record in kept.records]
    assert 3 == json.loads(capsys.readouterr().err)["chunks"]


@pytest.mark.parametrize("name", ["anthropic._base_client", "httpcore2.http11", "httpx2", "openai"])
def test_clients_do_not_log_what_they_send(
    name: str, capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """At DEBUG a vendor's SDK logs whole prompts, which are nobody's business but the asker's."""
    configure_logging(make_settings(log_format="json", log_level="DEBUG"))
    client = logging.getLogger(name)
    client.debug("Request options: %s", {"content": "a prompt"})
    client.info("HTTP Request: POST")
    client.warning("something is wrong")
    assert ["something is wrong"] == [event["event"] for event in events(capsys.readouterr().err)]


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
    log.info("event %d", CANARY)


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
    """Wherever it stands in a record: not the console, not JSON, not the file."""
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
    """A closed stream, or a full disk, neither raises nor spills the raw record elsewhere."""
    configure_logging(make_settings(log_format="json"))
    closed = io.StringIO()
    closed.close()
    real = sys.stderr
    monkeypatch.setattr(sys, "stderr", closed)
    log.info("event", password=CANARY)
    monkeypatch.setattr(sys, "stderr", real)
    assert ("", "") == capsys.readouterr()


def test_a_formatter_never_raises(capsys: pytest.CaptureFixture[str]) -> None:
    """A record that cannot be rendered is said to be one."""

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
    """What JSON or UTF-8 cannot say is said otherwise."""
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
    """Whatever is in messages, names, values or exceptions, each event starts one line."""
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
    """Plain words stand bare; everything else is quoted, quotes in it escaped."""
    configure_logging(make_settings(log_format="console"))
    log.info("event", a="plain/word.md", b='x" level=error', c=None, d=[1, "é"], e=True, f="", g=2)
    line = capsys.readouterr().err
    assert (
        'event a=plain/word.md b="x\\" level=error" c=null d=[1, "é"] e=true f="" g=2 [app.som'
    ) in line


@pytest.mark.parametrize(
    ("form", "terminal", "no_color", "coloured", "as_json"),
    [
        ("auto", True, None, True, False),
        ("auto", True, "1", False, False),
        ("auto", True, "", True, False),
        ("auto", False, None, False, True),
        ("console", False, None, False, False),
        ("console", True, None, True, False),
        ("json", True, None, False, True),
    ],
)
def test_the_form_follows_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
    make_settings: MakeSettings,
    *,
    form: str,
    terminal: bool,
    no_color: str | None,
    coloured: bool,
    as_json: bool,
) -> None:
    """People get text, in colour on a terminal that wants it; machines get JSON."""
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    configure_logging(make_settings(log_format=form))
    log.warning("event", field="value")
    text = stream.getvalue()
    assert coloured == ("\x1b[" in text)
    assert as_json == text.startswith("{")
    assert "event" in text


def test_the_stream_is_the_present_one(
    monkeypatch: pytest.MonkeyPatch, make_settings: MakeSettings
) -> None:
    """A progress bar that stands in for standard error gets the lines."""
    configure_logging(make_settings(log_format="json"))
    stand_in = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stand_in)
    log.info("event")
    assert "event" in stand_in.getvalue()


def test_the_file_holds_json_and_rotates(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings, tmp_path: Path
) -> None:
    """In a folder that is made, whatever standard error shows; old files are kept as set."""
    path = tmp_path / "logs" / "service.log"
    settings = make_settings(
        log_format="console", log_file=path, log_file_max_bytes=10_000, log_file_backups=2
    )
    configure_logging(settings)
    for number in range(300):
        log.info("event", number=number, text="é" * 20)
    assert {"service.log", "service.log.1", "service.log.2"} == {
        file.name for file in path.parent.iterdir()
    }
    assert 10_000 <= path.with_suffix(".log.1").stat().st_size < 10_250
    assert 299 == events(path.read_text(encoding="utf-8"))[-1]["number"]
    assert not capsys.readouterr().err.startswith("{")


def test_processes_that_share_a_file_rotate_it_once(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    """A process whose file another one has put aside goes on with the new one."""
    path = tmp_path / "service.log"
    configure_logging(make_settings(log_file=path, log_file_max_bytes=10_000))
    while path.stat().st_size < 10_000:
        log.info("before", text="x" * 200)
    path.rename(aside := tmp_path / "service.log.1")
    path.write_text("", encoding="utf-8")
    full = aside.read_bytes()
    log.info("after")

    assert {path, aside} == set(tmp_path.iterdir())
    assert full == aside.read_bytes()
    assert ["after"] == [each["event"] for each in events(path.read_text(encoding="utf-8"))]


def test_what_is_no_regular_file_is_not_rotated(make_settings: MakeSettings) -> None:
    """A device or a pipe may be logged to, and nothing is renamed."""
    configure_logging(make_settings(log_file=Path(os.devnull), log_file_max_bytes=10_000))
    for _ in range(100):
        log.info("event", text="x" * 200)
    assert Path(os.devnull).is_char_device()


def test_a_logger_that_is_kept_follows_a_later_configuration(
    capsys: pytest.CaptureFixture[str],
    make_settings: MakeSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process keeps a module's logger, and level, form and name still change with the call."""
    monkeypatch.setattr("gwkit.logging.setup._KEEP_LOGGERS", True)
    kept = structlog.stdlib.get_logger("app.kept")
    configure_logging(make_settings(log_format="json", log_level="DEBUG", service_name="one"))
    kept.debug("first")
    assert kept.bind() is kept.bind()
    configure_logging(make_settings(log_format="json", log_level="INFO", service_name="two"))
    kept.debug("left_out")
    kept.info("second")
    found = [(event["event"], event["service"]) for event in events(capsys.readouterr().err)]
    assert [("first", "one"), ("second", "two")] == found


def test_a_file_that_cannot_be_opened_stops_the_start(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    """The problem names the variable, and nothing is configured by halves."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    before = logging.getLogger().handlers[:]
    with pytest.raises(ConfigError, match="APP_LOG_FILE: cannot write to") as caught:
        configure_logging(make_settings(log_file=tmp_path / "file" / "service.log"))
    assert 1 == len(caught.value.problems)
    assert before == logging.getLogger().handlers


async def test_concurrent_requests_keep_their_ids_on_every_line(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """In tasks and threads, from our loggers and libraries'; outside a request there is none."""
    configure_logging(make_settings(log_format="json"))
    loop = asyncio.get_running_loop()

    def work(request: str) -> None:
        logging.getLogger("library").info("working", extra={"expected": request})

    async def serve(request: str, pool: ThreadPoolExecutor) -> None:
        with bind_request_id(request):
            log.info("began", expected=request)
            await asyncio.sleep(0)
            await asyncio.to_thread(work, request)
            await loop.run_in_executor(pool, carry_context(work), request)
            await asyncio.create_task(step(request))

    async def step(request: str) -> None:
        await asyncio.sleep(0)
        log.info("stepped", expected=request)

    with ThreadPoolExecutor(3) as pool:
        await asyncio.gather(*(serve(f"r{number}", pool) for number in range(10)))
    log.info("outside")
    *inside, outside = events(capsys.readouterr().err)
    assert 40 == len(inside)
    assert all(event["expected"] == event["request_id"] for event in inside)
    assert "request_id" not in outside


def test_an_exception_may_be_logged_from_the_loop(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings, tmp_path: Path
) -> None:
    """What logging reads and writes counts as no blocked loop."""
    configure_logging(make_settings(log_format="json", log_file=tmp_path / "service.log"))

    async def serve() -> None:
        try:
            fail("in the loop")
        except ValueError:
            log.exception("failed")

    asyncio.run(serve())
    [event] = events(capsys.readouterr().err)
    assert "ValueError: in the loop" in event["exception"]
