"""Text of documents stays data: in the prompt, the answer, the API, the terminal and the logs.

The model here is the worst case: it repeats its whole input. These tests cannot show whether a real
model follows the instructions of a document.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from app.wiring import create_app
from fixtures.asgi import open_client
from fixtures.configuration import REGISTRY
from gwkit.offline import extractive as offline
from kit.fixtures.injections import FACT, KINDS, QUESTION, injections

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from markdown_it.token import Token

    from app.config.settings import Settings
    from fixtures.command_line import CommandLine
    from gwkit.models.messages import ChatRequest
    from kit.fixtures.injections import Injection

_FENCE = re.compile(r"^</?passage (?P<mark>[0-9a-f]{32})(?: \{.*\})?>$", re.MULTILINE)
_TURN = re.compile(r"<[|\uff5c]|\[/?(?:INST|TOOL)|</?s>|<</?SYS>>|<\w+_of_turn>|<[be]os>")
_LEGITIMATE = "\n\t"
_EVENTS = {"token", "citations", "done"}


@pytest.fixture(params=KINDS)
def cases(request: pytest.FixtureRequest) -> dict[str, Injection]:
    """Return the attempts of each kind, by document."""
    return injections(request.param)


@pytest.fixture
def folder(cases: dict[str, Injection], tmp_path: Path) -> Path:
    """Return a folder with the attempts' documents."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, case in cases.items():
        (folder / name).write_bytes(case.text.encode())
    return folder


@pytest.fixture(autouse=True)
def requests(monkeypatch: pytest.MonkeyPatch) -> list[ChatRequest]:
    """Let the offline model repeat every passage, and return its requests."""
    asked: list[ChatRequest] = []

    def parrot(request: ChatRequest) -> str:
        asked.append(request)
        return "\n\n".join(f"See [{each.number}].\n\n{each.text}" for each in request.passages)

    monkeypatch.setattr(offline, "_reply_text", parrot)
    return asked


def unprintable(text: str) -> list[str]:
    """Return the characters that control a terminal, change direction or are invisible."""
    return [
        f"U+{ord(character):04X}"
        for character in text
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and character not in _LEGITIMATE
    ]


def active(tokens: Iterable[Token]) -> list[str]:
    """Return the parts that load something, or link somewhere, when Markdown is shown."""
    found = []
    for token in tokens:
        found += active(token.children or ())
        if token.type in {"image", "link_open"}:
            found.append(str(token.attrs))
        elif token.type.startswith("html_") and re.search(r"=|<(?i:script|style)", token.content):
            found.append(token.content)
    return found


def check_prompt(request: ChatRequest, case: Injection) -> None:
    """Two messages; each passage between two lines that no document can contain."""
    assert ["system", "user"] == [message.role for message in request.messages]
    system, user = (message.content for message in request.messages)
    assert FACT not in system
    (mark, *others) = {
        match["mark"] for match in _FENCE.finditer(user) if match["mark"] not in case.text
    }
    assert not others
    assert mark not in "".join(passage.text for passage in request.passages)
    assert user.count(f"<passage {mark} ") == user.count(f"</passage {mark}>")
    assert user.count(f"</passage {mark}>") == len(request.passages)
    assert user.endswith(f"Question:\n\n{QUESTION}")
    assert [] == unprintable(user)
    assert None is _TURN.search(user)


def check_answer(answer: str, case: Injection) -> None:
    """People see the fact, and nothing in it is followed."""
    assert FACT in answer
    assert [] == unprintable(answer)
    parser = MarkdownIt("commonmark", {"html": True})
    assert [] == active(parser.parse(answer)), case.name


def stream_events(body: bytes) -> list[tuple[str, dict[str, object]]]:
    """Return the events of a stream; a line ends at any line end that a client may use."""
    found = []
    for block in body.decode().split("\n\n"):
        if block:
            name, data = block.splitlines()
            assert name.startswith("event: ")
            assert data.startswith("data: ")
            found.append((name[7:], json.loads(data[6:])))
    return found


async def test_over_http(
    cases: dict[str, Injection], settings: Settings, requests: list[ChatRequest]
) -> None:
    """From the upload to the answer, whole and streamed, a document is only text."""
    async with open_client(create_app(settings, REGISTRY)) as client:
        for name, case in cases.items():
            requests.clear()
            files = {"file": (name, case.text.encode())}
            assert 201 == (await client.post("/v1/documents", files=files)).status_code, case.name
            filters = {"filters": {"prefix": name}}

            found = await client.post("/v1/search", json={"query": QUESTION} | filters)
            texts = [hit["text"] for hit in found.json()["hits"]]
            assert FACT in "".join(texts), case.name
            assert [] == [word for word in case.unseen if word in "".join(texts)], case.name
            assert [] == unprintable("".join(texts)), case.name

            question = {"question": QUESTION} | filters
            whole = (await client.post("/v1/answer", json=question)).json()
            check_answer(whole["answer"], case)
            assert {name} == {citation["document"] for citation in whole["citations"]}
            streamed = await client.post("/v1/answer", json=question | {"stream": True})
            events = stream_events(streamed.content)
            assert {event for event, _ in events} == _EVENTS, case.name
            shown = "".join(str(data["text"]) for event, data in events if event == "token")
            assert shown.strip() == whole["answer"] == events[-1][1]["answer"]
            assert 2 == len(requests)
            for request in requests:
                check_prompt(request, case)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_on_the_command_line(
    cases: dict[str, Injection],
    folder: Path,
    cli: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    log_format: str,
) -> None:
    """The output does not control the terminal, and each line of the log is the service's own."""
    monkeypatch.setenv("APP_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("APP_LOG_FORMAT", log_format)
    monkeypatch.setenv("APP_MIN_GROUNDING", "0")
    ingested = cli("ingest", folder)
    asked, searched = (cli(command, QUESTION, "-k", "100") for command in ("ask", "search"))
    assert FACT in asked.out
    assert {} == {name: case.name for name, case in cases.items() if name not in searched.out}
    for each in (ingested, asked, searched):
        assert 0 == each.code, each.err
        assert [] == unprintable(each.out)
        assert [] == unprintable(each.err)
        for line in each.err.splitlines():
            event = json.loads(line)["event"] if log_format == "json" else line
            assert "forged_event" not in event
