"""Drill the updater of the working tree, and write the page: `make drill`.

python -m drill [--quick] [--life PATTERN] [--page docs/updates.md]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, Final

from drill.page import page
from harness.ageing import age
from harness.commands import git, run
from harness.releases import NEXT, released, with_history
from harness.rendering import TemplateRepository, commit_all, contents
from harness.updating import TEAMS_OWN

__all__ = ["drill", "main", "unexplained"]

ROOT: Final = Path(__file__).resolve().parents[1]
CATALOGUE: Final = Path(__file__).with_name("catalogue.toml")

Outcome = Mapping[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few services")
    parser.add_argument("--life", default="*", help="only the lives that match")
    parser.add_argument("--page", type=Path, help="write the outcome to this Markdown file")
    options = parser.parse_args(argv)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        for outcome in drill(Path(folder), quick=options.quick, lives=options.life):
            outcomes.append(outcome)
            failed = "; ".join(unexplained(outcome)[:3])
            names = ("release", "variant", "life", "command")
            about = ", ".join(outcome[name] for name in names)
            print(f"{len(outcomes):4} {about}: {failed or 'ok'}", flush=True)
    problems = [problem for outcome in outcomes for problem in unexplained(outcome)]
    if not (options.quick or options.life != "*"):
        problems += _unneeded(outcomes)
    if options.page:
        options.page.write_text(page(outcomes, _reasons()), encoding="utf-8")
    print(f"{len(outcomes)} updates, {len(problems)} problems", *problems[:40], sep="\n  ")
    return 1 if problems or not outcomes else 0


def drill(folder: Path, *, quick: bool = False, lives: str = "*") -> Iterator[Outcome]:
    """Update the services of the catalogue, and yield what became of each.

    Args:
        folder: An empty folder.
        quick: Only the defaults, an older state of the template, and the lives marked `quick`.
        lives: A pattern of names.
    """
    template, aged = _template(folder)
    releases = [aged, *(f"v{version}" for version in released())]
    catalogue = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    plan = {
        "template": str(template),
        "copiers": {"newest": sys.prefix}
        if quick
        else {"newest": sys.prefix, "oldest": _oldest(folder)},
        "to": NEXT,
        "releases": releases[:1] if quick else releases,
        "variants": ["defaults"] if quick else [*catalogue["variants"]],
        "lives": lives,
        "quick": quick,
    }
    updater = folder / "updater"
    TemplateRepository(template).render(updater, ref=NEXT, exclude=["!/scripts/updating"])
    path = os.pathsep.join([str(updater), str(ROOT)])
    parts = 1 if quick else os.cpu_count() or 1
    lines: Queue[str | None] = Queue()

    def read(worker: subprocess.Popen[str]) -> None:
        """Pass on the lines of a worker, so that its pipe never fills."""
        assert worker.stdout
        for line in worker.stdout:
            lines.put(line)
        lines.put(None)

    workers = []
    for part in range(parts):
        file = folder / f"plan-{part}.json"
        file.write_text(json.dumps(plan | {"part": [part, parts]}), encoding="utf-8")
        command = [sys.executable, "-m", "drill.services", str(file)]
        env = {**os.environ, "PYTHONPATH": path}
        workers.append(
            subprocess.Popen(command, cwd=updater, env=env, stdout=subprocess.PIPE, text=True)
        )
    for worker in workers:
        Thread(target=read, args=(worker,), daemon=True).start()
    for _ in workers:
        yield from map(json.loads, iter(lines.get, None))
    for worker in workers:
        with worker:  # which closes its pipe
            worker.wait()
        if worker.returncode:
            raise subprocess.CalledProcessError(worker.returncode, worker.args)


def _template(folder: Path) -> tuple[Path, str]:
    """Return this repository with the tags of its releases, and the tag of an older state.

    In the older state most files differ from the working tree, so that an update changes them
    even right after a release.
    """
    template = folder / "template"
    repository = with_history(template)
    fresh = contents(repository.render(folder / "fresh", ref=NEXT))
    owned = {name: data for name, data in fresh.items() if not TEAMS_OWN.match_file(name)}
    aged = "v998.0.0"
    age(template / "template", owned, owned)
    commit_all(template, "An older state")
    git(template, "tag", aged)
    git(template, "reset", "--quiet", "--hard", NEXT)
    return template, aged


def _oldest(folder: Path) -> str:
    """Return an environment with the oldest Copier that the template accepts."""
    environment = folder / "oldest"
    uv = Path(sys.prefix, "bin/uv")
    run(uv, "venv", "--quiet", "--python", sys.executable, environment, cwd=ROOT)
    pins = ("--require-hashes", "--requirements", ROOT / "requirements/floor.txt")
    python = environment / "bin/python"
    run(uv, "pip", "install", "--quiet", "--python", python, *pins, cwd=ROOT)
    return str(environment)


def _reasons() -> list[dict[str, str]]:
    reasons: list[dict[str, str]] = tomllib.loads(CATALOGUE.read_text("utf-8"))["conflict"]
    return reasons


def unexplained(outcome: Outcome) -> list[str]:
    """Return the faults of a service, and its conflicts that have no reason in the catalogue."""
    allowed = any(_matches(reason, outcome) for reason in _reasons())
    conflicts = [] if allowed else outcome["conflicts"]
    return [*outcome["faults"], *(f"conflict: {path}" for path in conflicts)]


def _matches(reason: Mapping[str, str], outcome: Outcome) -> bool:
    return fnmatchcase(outcome["release"], reason["releases"]) and fnmatchcase(
        outcome["life"], reason["lives"]
    )


def _unneeded(outcomes: list[Outcome]) -> list[str]:
    """Return the reasons for conflicts that did not occur."""
    return [
        f"no service has such a conflict: {reason['reason']}"
        for reason in _reasons()
        if not any(outcome["conflicts"] and _matches(reason, outcome) for outcome in outcomes)
    ]


if __name__ == "__main__":
    sys.exit(main())
