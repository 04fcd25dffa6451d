"""Two processes of the service over one database keep one budget, and their metrics add up."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fixtures.command_line import DOCUMENTS, environment, run_process
from fixtures.configuration import REGISTRY
from fixtures.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.serving import Served

_QUESTION = {"question": "How many days of paid leave does everybody have?"}
_BUDGET = 2_000
_MOST_QUESTIONS = 200
_MOST_LOOKS = 1_000

pytestmark = pytest.mark.skipif(
    "openai:*" not in REGISTRY.chat_models.parts, reason="the service has no such provider"
)


def _ask(served: Served) -> tuple[int, dict[str, object]]:
    """Return the status and the body of an answer, or of what stands in its place."""
    headers = {"Content-Type": "application/json"}
    body = json.dumps(_QUESTION).encode()
    request = urllib.request.Request(f"{served.url}/v1/answer", body, headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - loopback
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, json.load(exc)


def _metrics(served: Served) -> dict[str, float]:
    """Return the values of a replica's counters, over all labels but the status."""
    with urllib.request.urlopen(f"{served.url}/metrics", timeout=60) as reply:  # noqa: S310 - loopback
        families = text_string_to_metric_families(reply.read().decode())
    found: dict[str, float] = {}
    for sample in (each for family in families for each in family.samples):
        if sample.labels.get("route", "/v1/answer") == "/v1/answer":
            name = f"{sample.name} {sample.labels.get('status', '')}".strip()
            found[name] = found.get(name, 0) + sample.value
    return found


def _wait_until_written(database_url: str, tokens: int) -> None:
    """Return once the database has so many tokens: they are written behind the answer."""
    found = 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        for _ in range(_MOST_LOOKS):
            query = "SELECT coalesce(sum(tokens), 0) FROM service_index_limits.spending"
            (found,) = connection.execute(query).fetchone() or (0,)
            if found == tokens:
                return
            time.sleep(0.05)
    pytest.fail(f"{found} tokens in the database, not {tokens}")


@pytest.mark.slow
def test_two_replicas_keep_one_budget(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Asked by turns they answer until both together have spent it, and then neither does.

    The index is SQLite, in one file.
    """
    provider = request.getfixturevalue("provider")
    variables = {
        "APP_DAILY_TOKENS": str(_BUDGET),
        "APP_DEFAULT_MODEL": "openai:gpt-4o-mini",
        "APP_EMBEDDING_MODEL": "offline:none",
        "APP_INDEX_PATH": str(tmp_path / "index.sqlite"),
        "APP_REQUESTS_PER_MINUTE": "100000",
        "APP_SHARED_LIMITS": "postgresql",
        "DATABASE_URL": database_url,
        "OPENAI_API_KEY": "any",
        "OPENAI_BASE_URL": provider.openai_url,
    }
    assert 0 == run_process("ingest", DOCUMENTS, env=environment(**variables)).code
    folders = [tmp_path / name for name in ("one", "two")]
    with ExitStack() as stack:

        def start(folder: Path) -> Served:
            folder.mkdir()
            return stack.enter_context(serving(folder, **variables))

        with ThreadPoolExecutor() as pool:
            both = [*pool.map(start, folders)]
        spent: list[int] = [0]
        replies: list[dict[str, object]] = []
        status, body = _ask(both[0])
        while status == 200 and len(replies) < _MOST_QUESTIONS:
            replies.append(body)
            usage = body["usage"]
            assert isinstance(usage, dict)
            spent.append(spent[-1] + sum(usage.values()))
            _wait_until_written(database_url, spent[-1])
            status, body = _ask(both[len(replies) % 2])
        assert (503, "budget_exceeded") == (status, body["code"])
        assert spent[-2] < _BUDGET <= spent[-1]
        assert len(replies) == len(provider.requests) > 2
        status, body = _ask(both[len(replies) % 2 - 1])  # the other one
        assert (503, "budget_exceeded") == (status, body["code"])
        assert len(replies) == len(provider.requests)
        one, two = map(_metrics, both)
    added = {name: one.get(name, 0) + two.get(name, 0) for name in {*one, *two}}
    assert len(replies) == added["http_requests_total 200"]
    assert 2 == added["http_requests_total 503"]
    assert spent[-1] == added["llm_tokens_total"]
    assert 0 < one["llm_tokens_total"] < spent[-1]
