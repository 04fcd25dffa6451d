"""Two processes of the service over one database: no state of one is missing in the other."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from fixtures.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.serving import Served

_LIMIT = 60
_QUESTIONS = ("How long is parental leave?", "When do unused days expire?", "What is a quasar?")


def _send(url: str, body: bytes, content_type: str) -> dict[str, object]:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - loopback
        reply: dict[str, object] = json.load(response)
        return reply


def _upload(served: Served, name: str, text: str) -> None:
    mark = uuid4().hex
    head = f'Content-Disposition: form-data; name="files"; filename="{name}"'
    body = f"--{mark}\r\n{head}\r\n\r\n{text}\r\n--{mark}--\r\n"
    _send(f"{served.url}/v1/documents", body.encode(), f"multipart/form-data; boundary={mark}")


def _answer(served: Served, question: str) -> dict[str, object]:
    body = json.dumps({"question": question}).encode()
    reply = _send(f"{served.url}/v1/answer", body, "application/json")
    del reply["request_id"]
    return reply


def _search(served: Served) -> int:
    """Return the status of a search."""
    try:
        _send(f"{served.url}/v1/search", b'{"query": "x"}', "application/json")
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code
    return 200


@pytest.mark.slow
def test_two_replicas_are_as_one(database_url: str, tmp_path: Path) -> None:
    """They start together on an empty database, and each sees at once what the other wrote.

    They admit together what one would, whichever is called.
    """
    started = time.monotonic()
    folders = [tmp_path / name for name in ("one", "two")]
    with ExitStack() as stack:

        def start(folder: Path) -> Served:
            folder.mkdir()
            variables = {
                "APP_REQUESTS_PER_MINUTE": str(_LIMIT),
                "APP_SHARED_LIMITS": "postgresql",
                "APP_VECTOR_STORE": "pgvector",
                "DATABASE_URL": database_url,
            }
            return stack.enter_context(serving(folder, APP_ENABLE_CACHING="true", **variables))

        with ThreadPoolExecutor() as pool:
            one, two = pool.map(start, folders)
        answers: list[list[dict[str, object]]] = []
        for served, name, text in (
            (one, "leave.md", "# Leave\n\nParental leave is fourteen weeks long.\n"),
            (two, "days.md", "# Days\n\nUnused days expire at the end of March.\n"),
        ):
            _upload(served, name, text)
            answers = [[_answer(each, question) for question in _QUESTIONS] for each in (one, two)]
            assert answers[0] == answers[1]
        assert "fourteen weeks" in f"{answers[0][0]}"
        assert "March" in f"{answers[0][1]}"
        _upload(two, "leave.md", "# Leave\n\nParental leave is twenty weeks long.\n")
        assert "twenty weeks" in f"{_answer(one, _QUESTIONS[0])}"
        with ThreadPoolExecutor(8) as pool:
            statuses = [*pool.map(_search, [one, two] * _LIMIT)]
    earned = _LIMIT * (time.monotonic() - started) / 60  # more on a slow machine
    assert _LIMIT // 2 <= statuses.count(200) <= _LIMIT + earned
    assert {*statuses} <= {200, 429}
