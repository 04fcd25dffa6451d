"""Many concurrent callers: no error, no inconsistent reply, and constant memory.

`make soak` runs 50 callers with many calls each, `make test` fewer of both, and fewest outside CI.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final

import httpx2
import pytest
import structlog

from fixtures.effort import THOROUGH
from fixtures.serving import serving

if TYPE_CHECKING:
    from fixtures.serving import Served

_log = structlog.stdlib.get_logger("soak")

CALLS: Final = int(os.environ.get("SOAK_CALLS", "200" if THOROUGH else "20"))
CALLERS: Final = int(os.environ.get("SOAK_CALLERS", "10"))
SECTIONS: Final = 4
MARK: Final = re.compile(r"owner(\d+)x version(\d+)x")
MOST_GROWTH: Final = 0.10


def resident_bytes(served: Served) -> int:
    """Return the memory that the process has in RAM."""
    pages = Path(f"/proc/{served.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4_096


@dataclass
class Ownership:
    """A document as its only writer knows it.

    `started` is the last version that was sent, `confirmed` the last that was answered; version 0
    and every removal have no text.
    """

    owner: int
    started: int = 0
    confirmed: int = 0
    gone: set[int] = field(default_factory=lambda: {0})

    @property
    def document(self) -> str:
        """The document's id."""
        return f"soak/{self.owner}.md"

    def text(self, version: int) -> bytes:
        """Return a version of the document, with its mark in each of several chunks."""
        mark = f"owner{self.owner}x version{version}x parcel locker "
        # Of one length in every version, so that each part is one chunk however long this goes on.
        words = " ".join(f"word{100 + (version * 7 + number) % 900}" for number in range(120))
        sections = (f"# Part {number}\n\n{mark}{words}\n" for number in range(SECTIONS))
        return "\n".join(sections).encode()


@dataclass
class Soak:
    """The callers' shared state and observations."""

    client: httpx2.AsyncClient
    served: Served
    owners: list[Ownership]
    memory: list[int] = field(default_factory=list)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def call(self, name: str, method: str, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - as httpx takes them
        """Make a request and measure its time."""
        start = time.perf_counter()
        response = await self.client.request(method, path, **options)
        self.latencies.setdefault(name, []).append((time.perf_counter() - start) * 1_000)
        self.statuses[name, response.status_code] += 1
        self.memory.append(resident_bytes(self.served))
        return response

    async def caller(self, owner: Ownership) -> None:
        """Make random calls, one after the other."""
        dice = random.Random(owner.owner)  # noqa: S311 - to be the same again
        for _ in range(CALLS):
            match dice.randrange(10):
                case 0 | 1:
                    await self.upload(owner)
                case 2:
                    await self.remove(owner)
                case 3:
                    await self.ask(dice.choice(self.owners))
                case 4 | 5:
                    await self.search(owner, prefix=owner.document)
                case _:
                    await self.search(dice.choice(self.owners))

    async def upload(self, owner: Ownership) -> None:
        """Send the next version."""
        owner.started += 1
        file = {"file": (owner.document, owner.text(owner.started))}
        response = await self.call(
            "upload", "POST", "/v1/documents", data={"id": owner.document}, files=file
        )
        new = owner.confirmed in owner.gone
        assert (201 if new else 200) == response.status_code, response.text
        assert ("added" if new else "changed") == response.json()["documents"][0]["outcome"]
        owner.confirmed = owner.started

    async def remove(self, owner: Ownership) -> None:
        """Remove the document; this counts as a version without text."""
        there = owner.confirmed not in owner.gone
        owner.started += 1
        owner.gone.add(owner.started)
        response = await self.call("delete", "DELETE", f"/v1/documents/{owner.document}")
        assert (204 if there else 404) == response.status_code, response.text
        owner.confirmed = owner.started

    async def search(self, owner: Ownership, prefix: str = "") -> None:
        """Search for a document, and check the hits against its possible versions."""
        before = [each.confirmed for each in self.owners]
        query = {
            "query": f"owner{owner.owner}x parcel locker",
            "k": 20,
            "filters": {"prefix": prefix},
        }
        response = await self.call("search", "POST", "/v1/search", json=query)
        assert 200 == response.status_code, response.text
        hits = response.json()["hits"]
        self.check([(hit["document"], hit["text"]) for hit in hits], before)
        if prefix:
            # Its own document does not change meanwhile: every chunk is found, or none.
            expected = 0 if owner.confirmed in owner.gone else SECTIONS
            assert expected == len(hits), (owner, hits)

    async def ask(self, owner: Ownership) -> None:
        """Ask about a document, and check the citations."""
        before = [each.confirmed for each in self.owners]
        question = {"question": f"What is owner{owner.owner}x parcel locker?"}
        response = await self.call("answer", "POST", "/v1/answer", json=question)
        assert 200 == response.status_code, response.text
        citations = response.json()["citations"]
        self.check([(each["document"], each["text"]) for each in citations], before)

    def check(self, found: list[tuple[str, str]], before: list[int]) -> None:
        """Fail unless each text is of one possible version."""
        versions: dict[int, set[int]] = {}
        for document, text in found:
            marks = {(int(owner), int(version)) for owner, version in MARK.findall(text)}
            if not marks and "soak/" not in document:
                continue
            ((owner, version),) = marks
            assert self.owners[owner].document == document
            assert before[owner] <= version <= self.owners[owner].started, (document, version)
            versions.setdefault(owner, set()).add(version)
        assert all(len(each) == 1 for each in versions.values()), versions


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the size of the memory from /proc")
async def test_the_service_stands_a_crowd(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each reply matches some state of the index, nothing fails, and memory is bounded."""
    caplog.set_level("WARNING", "httpx2")  # which tells every request
    with serving(
        tmp_path, APP_REQUESTS_PER_MINUTE="1000000", APP_MAX_CONCURRENT_REQUESTS="1000"
    ) as served:
        limits = httpx2.Limits(max_connections=CALLERS)
        async with httpx2.AsyncClient(base_url=served.url, limits=limits, timeout=100) as client:
            soak = Soak(client, served, [Ownership(number) for number in range(CALLERS)])
            for owner in soak.owners:
                await soak.upload(owner)
            start = time.perf_counter()
            async with asyncio.TaskGroup() as callers:
                for owner in soak.owners:
                    callers.create_task(soak.caller(owner))
            seconds = time.perf_counter() - start
        errors = [event for event in served.events() if event["level"] in {"error", "critical"}]

    third = len(soak.memory) // 3
    early, late = median(soak.memory[third : 2 * third]), median(soak.memory[2 * third :])
    requests = sum(soak.statuses.values())
    _log.info(
        "soak_finished",
        callers=CALLERS,
        seconds=round(seconds, 1),
        requests=requests,
        per_second=round(requests / seconds),
        statuses=dict(soak.statuses),
        p50_p99_ms={
            name: (round(median(each), 1), round(quantiles(each, n=100)[-1], 1))
            for name, each in soak.latencies.items()
        },
        memory_mb=(round(early / 1e6, 1), round(late / 1e6, 1)),
        growth_mb_per_minute=round((late - early) / 1e6 / (seconds / 3) * 60, 2),
    )

    assert {"upload", "delete", "search", "answer"} == soak.latencies.keys()
    assert [] == errors
    assert late < early * (1 + MOST_GROWTH)
