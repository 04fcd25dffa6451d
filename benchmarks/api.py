"""The API.

Search and answers over loopback, compared with two bare FastAPI routes that call the same search
and the same answerer, with the same server settings. The service does everything that it does in
production: request ids, an access log and other events as JSON lines, metrics, limits of rate,
size, time and number, validation of every field, and spans without an exporter. The bare routes
do none of it. Eight clients keep their connections open and ask the questions of the golden set.
The server and the clients have one core each. Both sides parse HTTP with h11, which limits the
size of headers. With httptools, which does not, both are about a tenth faster.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.findings import Aim, Findings, Line, Plot, compared
from benchmarks.measure import alternate, percentile
from benchmarks.serving import free_port, serving
from benchmarks.workshop import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.workshop import Bench, Worker

__all__ = ["measure"]

_PAGES: Final = 200
_CLIENTS: Final = 8
_AIM: Final = Aim(">=", 0.85)
_OTHER: Final = "bare FastAPI"
_REMEDY: Final = (
    "serve from several processes. `APP_LOG_LEVEL=WARNING` saves the log lines, two for a search "
    "and four for an answer."
)


def measure(bench: Bench) -> Findings:
    """Compare throughput and 99th percentile of both routes."""
    service = bench.service()
    python = service / ".venv/bin/python"
    with bench.scratch() as folder, ExitStack() as stack:
        index = folder / "index.sqlite"
        bench.say("ingesting")
        run(
            python,
            "-m",
            "app",
            "ingest",
            bench.documents(bench.size(_PAGES, 10)),
            cwd=service,
            variables={"APP_INDEX_PATH": str(index)},
        )
        ports = {"ours": free_port(), "theirs": free_port()}
        common = {"APP_INDEX_PATH": str(index), "APP_LOG_FORMAT": "json"}
        ours = {**common, "APP_PORT": str(ports["ours"]), "APP_REQUESTS_PER_MINUTE": "1000000"}
        theirs = {**common, "APP_PORT": str(ports["theirs"]), "APP_LOG_LEVEL": "WARNING"}
        bench.say("starting both servers")
        stack.enter_context(
            serving(
                *(python, "-m", "app", "serve"),
                cwd=service,
                port=ports["ours"],
                variables=ours,
                log=folder / "ours.log",
            )
        )
        stack.enter_context(
            serving(
                *(python, "-m", "benchmarks.workers.bare_routes"),
                cwd=ROOT,
                port=ports["theirs"],
                variables=theirs,
                log=folder / "theirs.log",
            )
        )
        clients = stack.enter_context(bench.worker(python, "clients"))
        questions = [
            json.loads(line)["question"]
            for line in (service / "evals/golden.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        bodies = {
            "search": [{"query": question} for question in questions],
            "answer": [{"question": question} for question in questions],
        }
        lines: list[Line] = []
        for route, sent in bodies.items():
            lines += _compared(bench, clients, ports, route, sent)
    return Findings(lines, [_plot(lines[::2])])


def _compared(
    bench: Bench, clients: Worker, ports: Mapping[str, int], route: str, bodies: Sequence[object]
) -> list[Line]:
    latencies: dict[str, list[float]] = {"ours": [], "theirs": []}

    def asked(side: str) -> float:
        got = clients.ask(
            "ask",
            port=ports[side],
            path=f"/v1/{route}",
            bodies=bodies,
            clients=_CLIENTS,
            requests=bench.size(400, 40),
        )
        assert isinstance(got, dict)
        latencies[side] += got["latencies_ms"]
        return float(got["per_second"])

    pairs = alternate(
        lambda: asked("ours"),
        lambda: asked("theirs"),
        bench.size(15, 1),
        warm=bench.size(2, 0),
        told=lambda told: bench.say(f"{route}, {told}"),
    )
    ours, theirs = percentile(latencies["ours"], 99), percentile(latencies["theirs"], 99)
    return [
        compared(
            f"{route}, throughput", pairs, "requests/s", other=_OTHER, aim=_AIM, remedy=_REMEDY
        ),
        Line(f"{route}, p99", ours, "ms", theirs=theirs, other=_OTHER, ratio=ours / theirs),
    ]


def _plot(throughputs: Sequence[Line]) -> Plot:
    routes = [line.what.split(",")[0] for line in throughputs]
    return Plot(
        "api",
        "Requests a second",
        "route",
        "requests per second",
        {
            "the service": list(zip(routes, (line.ours for line in throughputs), strict=True)),
            _OTHER: list(zip(routes, (line.theirs or 0.0 for line in throughputs), strict=True)),
        },
    )
