"""CFG6: a key planted in every setting is in no output, for any failure."""

from __future__ import annotations

import ast
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from app import exceptions
from fixtures.asgi import open_client
from fixtures.configuration import WholeSettings
from fixtures.models import FakeChatModel
from fixtures.services import Fakes
from gwkit.errors import AppError
from gwkit.logging.redaction import MASK, secret_values
from gwkit.logging.setup import configure_logging
from gwkit.models.calls import ObservedChatModel
from gwkit.models.messages import ChatRequest, Message
from gwkit.settings.description import variable_name
from gwkit.settings.reader import load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import httpx2
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from app.config.settings import Settings
    from fixtures.command_line import CommandLine


TREE = [
    item
    for item in vars(exceptions).values()
    if isinstance(item, type) and issubclass(item, AppError)
]


_log = structlog.stdlib.get_logger(__name__)


def planted_names() -> Iterator[tuple[str, bool]]:
    """Yield the settings that hold secrets, and whether one is a mapping."""
    for name, field in WholeSettings.model_fields.items():
        kind = str(field.annotation)
        if "Secret" in kind:
            yield name, "dict" in kind


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> frozenset[str]:
    """Plant a different key in every setting that holds one; return the keys."""
    found = set()
    for name, mapping in planted_names():
        canary = f"canary-of-{name}-4711"
        value = json.dumps({"reader": canary}) if mapping else canary
        monkeypatch.setenv(variable_name(WholeSettings, name), value)
        found.add(canary)
    return frozenset(found)


@pytest.fixture
def settings(canaries: frozenset[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings as a process loads them, with all keys."""
    monkeypatch.setenv("APP_INDEX_PATH", str(tmp_path / "index.sqlite"))
    monkeypatch.setenv("APP_LOG_FILE", str(tmp_path / "service.log"))
    monkeypatch.setenv("APP_LOG_LEVEL", "DEBUG")
    settings = load_settings(WholeSettings)
    assert canaries == secret_values(settings)
    return settings


def error_of(kind: type[AppError], canaries: frozenset[str]) -> AppError:
    """Return an error of a class with the keys in all its parts.

    Its own text has them, unless the caller sees that text: those never contain keys.
    """
    error = kind.__new__(kind)
    text = " ".join(sorted(canaries))
    shown = {"UnknownModelError", "TokenLimitError", "DocumentNotFoundError", "NoVectorsError"}
    hidden = not issubclass(kind, exceptions.IngestError) and kind.__name__ not in shown
    Exception.__init__(error, text if hidden else "what the caller may read")
    error.__dict__ |= {"retry_after": None, "passing": False, "status": 500, "response": text}
    error.__cause__ = ValueError(text)
    error.add_note(text)
    return error


def failing(error: Exception) -> Callable[[], Awaitable[None]]:
    """Return work that fails with the error, and has a key among its locals."""

    async def work() -> None:
        key = str(error.__cause__)
        _log.debug("about_to_fail", api_key=key, note=key)
        raise error

    return work


def assert_clean(canaries: frozenset[str], **sinks: str) -> None:
    """Fail if a key, or a long part of one, occurs in one of the texts."""
    for sink, text in sinks.items():
        assert [] == [canary for canary in canaries if canary[7:] in text], sink


async def ask(client: httpx2.AsyncClient, key: str, *, stream: bool) -> httpx2.Response:
    """Ask a question with a key, like a caller."""
    return await client.post(
        "/v1/answer",
        json={"question": "why?", "stream": stream},
        headers={"Authorization": f"Bearer {key}"},
    )


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
async def test_no_error_tells_a_key(
    kind: type[AppError],
    form: str,
    *,
    settings: Settings,
    canaries: frozenset[str],
    spans: InMemorySpanExporter,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is not in the log, its file, tracebacks, spans, metrics, or the response."""
    settings = settings.model_copy(update={"log_format": form})
    await asyncio.to_thread(configure_logging, settings)
    fakes = Fakes(settings)
    error = error_of(kind, canaries)
    key = next(value.get_secret_value() for value in settings.api_keys.values())
    replies = []
    async with open_client(fakes.app()) as client:
        for stream in (False, True):
            fakes.answerer.work = failing(error)
            replies.append(await ask(client, key, stream=stream))
            fakes.answerer.work, fakes.answerer.later_work = failing_not, failing(error)
            replies.append(await ask(client, key, stream=True))
    request = ChatRequest(messages=(Message(role="user", content="why?"),), question="why?")
    model = ObservedChatModel(FakeChatModel(error), metrics=fakes.metrics)
    with pytest.raises(kind):
        await model.complete(request)
    assert settings.log_file is not None
    written = capsys.readouterr()
    file = await asyncio.to_thread(settings.log_file.read_text, encoding="utf-8")
    assert_clean(
        canaries,
        stderr=written.err,
        stdout=written.out,
        file=file,
        spans="".join(span.to_json() for span in spans.get_finished_spans()),
        metrics=fakes.metrics.exposition().decode(),
        replies="".join(reply.text + str(reply.headers) for reply in replies),
    )
    # The keys were reachable: the log has their masked places.
    assert MASK in written.err
    assert MASK in file
    assert "about_to_fail" in file


def test_the_tree_is_whole() -> None:
    """All errors of the service are defined there, where these tests find them."""
    known = {kind.__name__ for kind in TREE}
    root = Path(exceptions.__file__).parent
    elsewhere = [
        (str(path), node.name)
        for path in root.rglob("*.py")
        if path != Path(exceptions.__file__)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        if known & {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    ]
    assert [] == elsewhere


async def failing_not() -> None:
    """Return normally."""


def test_settings_show_no_key(settings: Settings, canaries: frozenset[str]) -> None:
    """No text form of the settings shows them."""
    assert_clean(
        canaries,
        repr=repr(settings),
        text=str(settings),
        dump=str(settings.model_dump()),
        json=settings.model_dump_json(),
        format=f"{settings!r:>10}",
    )


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_the_config_command_shows_no_key(
    options: tuple[str, ...], canaries: frozenset[str], cli: CommandLine
) -> None:
    """It shows that there are keys, but not their values."""
    run = cli("config", *options)
    assert 0 == run.code
    assert_clean(canaries, out=run.out, err=run.err)
    assert MASK in run.out


def test_a_report_of_wrong_settings_shows_no_key(
    canaries: frozenset[str], cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if keys are in the wrong settings."""
    monkeypatch.setenv("APP_PORT", " ".join(canaries))
    monkeypatch.setenv("APP_NO_SUCH_SETTING", " ".join(canaries))
    run = cli("config")
    assert 0 != run.code
    assert "APP_PORT" in run.err
    assert_clean(canaries, out=run.out, err=run.err)
