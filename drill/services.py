"""Makes the services of the drill, updates them, and checks what became of them.

A process of its own: the folder of a rendered release is the first on its path, so that
`scripts.updating` is the updater of that release, as in an update.

python -m drill.services PLAN.json
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import tomllib
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml
from scripts.updating import merging
from scripts.updating.applying import apply, refuse_unready
from scripts.updating.merging import COPY_ONLY, GENERATED, SEEDS, Merge
from scripts.updating.reporting import classify
from scripts.updating.repository import Repository

from drill.commands import COMMANDS, CommandFailedError, run_command
from drill.life import TOKEN, Life, live
from scripts import template_update  # type: ignore[attr-defined]  # the rendered release's

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scripts.updating.repository import Entries

__all__ = ["CATALOGUE", "main"]

CATALOGUE: Final = Path(__file__).with_name("catalogue.toml")
ANSWERS: Final = ".copier-answers.yml"
_REPORTED: Final = ("conflict", "deleted", "generated", "retired")
"""The classes of the report that may explain a missing edit: each names the file."""


class Renders:
    """Renders by release and answers, each made once."""

    def __init__(self, template: Path, folder: Path) -> None:
        self._template = template
        self._folder = folder
        self._made: dict[tuple[str, str], Path] = {}

    def render(self, ref: str, answers: Mapping[str, object]) -> Path:
        """Return the folder of a render, which callers must not change."""
        key = ref, json.dumps(answers, sort_keys=True)
        if key not in self._made:
            number = len(self._made)
            root = self._folder / f"answers-{number}"
            root.mkdir()
            (root / ANSWERS).write_text(json.dumps(answers), encoding="utf-8")
            target = self._folder / f"render-{number}"
            _fetch(root, target, "--vcs-ref", ref, source=str(self._template))
            self._made[key] = target
            # The same with every answer, as the service's file has them.
            given = answers_of((target / ANSWERS).read_text("utf-8"))
            self._made.setdefault((ref, json.dumps(given, sort_keys=True)), target)
        return self._made[key]

    def fetch(
        self, root: Path, folder: Path, *options: str, answers: Path | None = None, **_: object
    ) -> None:
        """Take the place of the updater's `fetch`."""
        given = answers_of((answers or root / ANSWERS).read_text("utf-8"))
        shutil.copytree(self.render(options[1], given), folder, dirs_exist_ok=True)


def answers_of(text: str) -> dict[str, object]:
    """Return the answers to the questions in the text of an answers file."""
    answers = yaml.safe_load(text)
    return {name: value for name, value in answers.items() if not name.startswith("_")}


_fetch = template_update.fetch


class Case(NamedTuple):
    """A service of the drill, and the command line and Copier that update it again, if any do."""

    release: str
    variant: str
    life: Mapping[str, Any]
    command: str = ""
    copier: str = ""


def main(argv: list[str]) -> int:
    """Run the services of a plan, and write their outcomes beside it."""
    plan_file = Path(argv[0])
    plan = json.loads(plan_file.read_text(encoding="utf-8"))
    catalogue = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="drill-") as scratch:
        renders = Renders(Path(plan["template"]), Path(scratch))
        merging.fetch = renders.fetch
        for case in _cases(plan, catalogue):
            folder = Path(scratch) / "service"
            for outcome in _drill(case, plan, renders, catalogue["variants"], folder):
                print(json.dumps(outcome), flush=True)
            shutil.rmtree(folder)
    return 0


def _cases(plan: Mapping[str, Any], catalogue: Mapping[str, Any]) -> list[Case]:
    part, parts = plan["part"]
    lives = [x for x in catalogue["life"] if fnmatchcase(x["name"], plan["lives"])]
    if plan["quick"]:
        lives = [life for life in lives if life.get("quick")]
    lines = [(command, copier) for command in COMMANDS for copier in plan["copiers"]]
    cases = []
    for group, (release, variant) in enumerate(product(plan["releases"], plan["variants"])):
        if group % parts != part:  # a group has the same renders, so one part takes it whole
            continue
        for number, life in enumerate(lives):
            if variant in life.get("variants", [variant]):
                plain = life.get("plain", True) and release not in catalogue["not_plain"]
                # Each life by another line in the next group, and each line with other lives.
                line = lines[(number + 3 * group) % len(lines)] if plain else ()
                cases.append(Case(release, variant, life, *line))
    return cases


def _drill(
    case: Case,
    plan: Mapping[str, Any],
    renders: Renders,
    variants: Mapping[str, Any],
    folder: Path,
) -> Iterator[dict[str, object]]:
    """Yield what became of one service, by the updater and by the command line of the case."""
    to = plan["to"]
    rendered = renders.render(case.release, variants[case.variant])
    given = answers_of((rendered / ANSWERS).read_text("utf-8"))
    life, service = _make(case, rendered, renders.render(to, given), folder)
    answers = answers_of((service / ANSWERS).read_text("utf-8"))
    release = renders.render(to, answers | case.life.get("given", {}))
    top, inside = folder / "repository", service.relative_to(folder / "repository")
    if case.command or "given" in case.life:
        shutil.copytree(top, folder / "again", symlinks=True)
    refuse_unready(service)
    predicted = _merge(service, release, folder / "first")
    begun = time.perf_counter()
    merged = _merge(service, release, folder / "second")
    report = classify(merged)
    apply(service, merged)
    seconds = time.perf_counter() - begun
    faults = list(_faults(life, merged, report))
    if predicted.result != merged.result or classify(predicted) != report:
        faults.append("the preview differs from the outcome")
    faults += _differing("the merge", merged.result, _written(service))
    again = folder / "again" / inside
    if "given" in case.life:
        faults += _back(service, again, renders.render(to, answers), folder, report)
    outcome = {
        "release": case.release,
        "variant": case.variant,
        "life": case.life["name"],
        "command": "the updater",
        "edits": len(life.touched),
        "conflicts": merged.conflicts,
        "seconds": round(seconds, 2),
        "faults": faults,
    }
    yield outcome
    if case.command:
        begun = time.perf_counter()
        faults = list(_by_command(case, again, plan, merged))
        name = f"{case.command}, {case.copier} Copier"
        seconds = round(time.perf_counter() - begun, 2)
        yield outcome | {"command": name, "faults": faults, "seconds": seconds}


def _back(
    service: Path, again: Path, release: Path, folder: Path, report: Mapping[str, list[str]]
) -> Iterator[str]:
    """Yield what is not as if the answers had never been given, once they are taken back.

    Args:
        service: The service, updated with the answers.
        again: The service before that update.
        release: The render with the answers of before.
        folder: A folder for the merges.
        report: The report of the update, which names the files that only the commit before has.
    """
    _commit(Repository(service))
    refuse_unready(service)
    apply(service, _merge(service, release, folder / "back"))
    straight = _merge(again, release, folder / "straight").result
    retired = {name.split(" ")[0] for name in report.get("retired", ())}
    expected = {path: entry for path, entry in straight.items() if path not in retired}
    written = {path: entry for path, entry in _written(service).items() if path not in retired}
    yield from _differing("an update without the answers", expected, written)


def _by_command(case: Case, service: Path, plan: Mapping[str, Any], merged: Merge) -> Iterator[str]:
    """Update a service by a command line; yield what differs from the updater's merge."""
    try:
        run_command(case.command, service, Path(plan["copiers"][case.copier]), plan["to"])
    except CommandFailedError as exc:
        yield str(exc)
        return
    # Where both changed a line, each merge shows it in its own way; `make reference` writes others.
    free = {*merged.conflicts, *(() if "make" in case.command else GENERATED)}
    expected, written = (
        {path: entry for path, entry in entries.items() if path not in free}
        for entries in (merged.result, _written(service))
    )
    yield from _differing("the updater's merge", expected, written)


def _differing(name: str, expected: Entries, written: Entries) -> Iterator[str]:
    paths = {*expected, *written}
    if differing := sorted(p for p in paths if expected.get(p) != written.get(p)):
        yield f"{len(differing)} files differ from {name}: {', '.join(differing[:5])}"


def _merge(service: Path, release: Path, folder: Path) -> Merge:
    folder.mkdir()
    return merging.merge(service, release, folder)


def _make(case: Case, rendered: Path, theirs: Path, folder: Path) -> tuple[Life, Path]:
    """Create a committed service, and let its team live."""
    inside = next((s["path"] for s in case.life["steps"] if s["do"] == "folder"), "")
    top = folder / "repository"
    service = top / inside
    shutil.copytree(rendered, service, symlinks=True)
    repository = Repository(top)
    repository.git("init", "--quiet")
    _commit(repository)
    owned = [
        path.relative_to(service).as_posix()
        for path in sorted(service.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(service).parts[:1]
    ]
    owned = [p for p in owned if p != ANSWERS and not p.startswith((*SEEDS, *COPY_ONLY))]
    life = Life(service, theirs, owned)
    live(life, case.life["steps"])
    _commit(repository)
    return life, service


def _commit(repository: Repository) -> None:
    # Git reads attributes that are deleted in the folder from the index.
    repository.git("add", "--update", ".")
    repository.git("add", "--all", "--force")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "Our service")


def _written(service: Path) -> Entries:
    """Return the files of the checkout as a tree."""
    repository = Repository(service)
    # With the files of a conflict, which have markers as in the merge.
    repository.git("add", "--all", ".")
    prefix = repository.git("rev-parse", "--show-prefix").strip()
    tree = repository.git("write-tree", *([f"--prefix={prefix}"] if prefix else [])).strip()
    entries: Entries = repository.entries(tree)
    return entries


def _faults(life: Life, merged: Merge, report: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield each promise that the update broke."""
    explained = {name.split(" ")[0] for kind in _REPORTED for name in report.get(kind, ())}
    found = merged.scratch.git(
        "grep", "--no-color", "-h", "-o", "-E", TOKEN.pattern, merged.tree, passing=1
    )
    for token, path in life.planted.items():
        if token not in set(found.splitlines()) and path not in explained:
            yield f"lost: an edit of {path}"
    for path, text in life.written.items():
        if merged.text(merged.result, path) != text:
            yield f"lost: {path}, a file of the team"
    # A file that the template moved counts at both paths.
    gone, touched = (
        paths | {merged.moved.get(path, path) for path in paths}
        for paths in (life.gone, life.touched)
    )
    for path in sorted(gone & merged.result.keys()):
        yield f"came back: {path}"
    for path in sorted({*merged.theirs, *merged.base} - touched):
        if not path.startswith((*SEEDS, *COPY_ONLY)) and merged.result.get(
            path
        ) != merged.theirs.get(path):
            yield f"not the release's: {path}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
