"""Logging: one format for every record, and no secrets."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import structlog
import uvicorn
from structlog.contextvars import bound_contextvars

from gwkit.executor import BoundedExecutor
from gwkit.logging.formatting import EventFormatter, render_json
from gwkit.logging.redaction import Redactor
from gwkit.logging.setup import configure_logging

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.configuration import MakeSettings


CANARY = "canary-4711/ä"


log = structlog.stdlib.get_logger("app.somewhere")


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        """Return true."""
        return True


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
    """Time in UTC, level, logger, event and service, then the fields of the call."""
    configure_logging(make_settings(log_format="json", service_name="my-service"))
    before = datetime.now(UTC).replace(microsecond=0)
    log.info("document_ingested", document="a.md", chunks=3, latency_ms=1.5, nested={"a": [1]})
    after = datetime.now(UTC)
    out, err = capsys.readouterr()
    assert "" == out
    [event] = events(err)
    moment = event.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
    assert before <= datetime.fromisoformat(moment) <= after
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
    """The level applies to events and to libraries, and one logger may have its own."""
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
    """Arguments are formatted, public `extra` becomes fields, and the request id is added."""
    configure_logging(make_settings(log_format="json"))
    with bound_contextvars(request_id="r-1"):
        logging.getLogger("library.part").warning("took %d ms", 12, extra={"attempt": 2, "_at": 3})
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
    """Also if uvicorn has set up its own handlers before."""
    uvicorn.Config(lambda: None)
    configure_logging(make_settings(log_format="json"))
    uvicorn.Config(lambda: None, log_config=None)
    request = ("127.0.0.1:1", "GET", f"/x?token={CANARY}", "1.1", 200)
    message = '%s - "%s %s HTTP/%s" %d'
    logging.getLogger(name).warning(message, *request, extra={"color_message": "twice"})
    out, err = capsys.readouterr()
    assert "" == out
    [event] = events(err)
    assert {"timestamp", "level", "logger", "event", "service"} == event.keys()
    assert name == event["logger"]
    assert '127.0.0.1:1 - "GET /x?token=********** HTTP/1.1" 200' == event["event"]


def test_warnings_are_logged(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """A warning of Python is a record like any other."""
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
    """The second call replaces the handlers of the first, and keeps those of others."""
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
    """It has its causes, without the locals of its frames."""
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
    """A stack is there on request."""
    configure_logging(make_settings(log_format="json"))
    log.info("here", stack_info=True)
    [event] = events(capsys.readouterr().err)
    assert event["stack"].startswith("Stack (most recent call last):")


@pytest.mark.parametrize("text", ["a\x9b2J", "a\u202eb", "a\u2028b", "a\x7fb", "a\ud800b"])
def test_json_holds_nothing_that_steers_a_terminal(
    text: str, capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """Control characters are escaped, and parsers read the same text."""
    configure_logging(make_settings(log_format="json"))
    log.info("event", text=text)
    [line] = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert text == json.loads(line)["text"]


def test_a_stack_holds_no_secret() -> None:
    """It shows source lines, and values that a caller put there."""
    formatter = EventFormatter("s", Redactor([CANARY]), render_json)
    record = logging.makeLogRecord({"msg": "m", "stack_info": f"Stack: connect({CANARY!r})"})
    assert "Stack: connect('**********')" == json.loads(formatter.format(record))["stack"]


def test_a_field_cannot_pass_for_the_formatters_own(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """The formatter's own fields of a record are true."""
    configure_logging(make_settings(log_format="json", service_name="real"))
    log.info("real", service="forged", level="forged", logger="forged", timestamp="forged")
    logging.getLogger("library").info("real", extra={"event": "forged", "service": "forged"})
    for event in events(capsys.readouterr().err):
        assert ("real", "real", "info") == (event["event"], event["service"], event["level"])
        assert "forged" == event["service_"]


@pytest.mark.parametrize("name", ["anthropic._base_client", "httpcore2.http11", "httpx2", "openai"])
def test_clients_do_not_log_what_they_send(
    name: str, capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """At DEBUG a vendor's SDK would log whole prompts."""
    configure_logging(make_settings(log_format="json", log_level="DEBUG"))
    client = logging.getLogger(name)
    client.debug("Request options: %s", {"content": "a prompt"})
    client.info("HTTP Request: POST")
    client.warning("something is wrong")
    assert ["something is wrong"] == [event["event"] for event in events(capsys.readouterr().err)]


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
    """A terminal gets text, with colour if it supports it; otherwise the format is JSON."""
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
    """If a progress bar replaces standard error, it gets the lines."""
    configure_logging(make_settings(log_format="json"))
    stand_in = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stand_in)
    log.info("event")
    assert "event" in stand_in.getvalue()


async def test_concurrent_requests_keep_their_ids_on_every_line(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings
) -> None:
    """In tasks and threads, for our loggers and libraries'; outside a request there is none."""
    configure_logging(make_settings(log_format="json"))
    executor = BoundedExecutor(3, name="test")

    def work(request: str) -> None:
        logging.getLogger("library").info("working", extra={"expected": request})

    async def serve(request: str) -> None:
        with bound_contextvars(request_id=request):
            log.info("began", expected=request)
            await asyncio.sleep(0)
            await asyncio.to_thread(work, request)
            await executor.run(work, request)
            await asyncio.create_task(step(request))

    async def step(request: str) -> None:
        await asyncio.sleep(0)
        log.info("stepped", expected=request)

    await asyncio.gather(*(serve(f"r{number}") for number in range(10)))
    executor.close()
    log.info("outside")
    *inside, outside = events(capsys.readouterr().err)
    assert 40 == len(inside)
    assert all(event["expected"] == event["request_id"] for event in inside)
    assert "request_id" not in outside


def test_an_exception_may_be_logged_from_the_loop(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings, tmp_path: Path
) -> None:
    """Reading and writing by logging counts as no blocked loop."""
    configure_logging(make_settings(log_format="json", log_file=tmp_path / "service.log"))

    async def serve() -> None:
        try:
            fail("in the loop")
        except ValueError:
            log.exception("failed")

    asyncio.run(serve())
    [event] = events(capsys.readouterr().err)
    assert "ValueError: in the loop" in event["exception"]
