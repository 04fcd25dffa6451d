"""The workflows and hooks: every job, step and hook of the release still runs, and can fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from scripts.judge.finding import Finding
from scripts.judge.tables import changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scripts.judge.checkout import Checkout

__all__ = ["TELLING", "weakened_hooks", "weakened_workflows"]

HOOKS: Final = ".pre-commit-config.yaml"
WORKFLOWS: Final = ".github/workflows/"
FREE_TOP: Final = frozenset({"name", "run-name", "permissions", "concurrency", "jobs", "env"})
FREE_JOB: Final = frozenset(
    {"name", "runs-on", "timeout-minutes", "permissions", "services", "concurrency", "outputs"}
    | {"env", "steps", "strategy"}
)
FREE_STEP: Final = frozenset({"name", "id", "timeout-minutes", "uses", "env"})
FREE_STRATEGY: Final = frozenset({"fail-fast", "max-parallel", "matrix"})
FREE_HOOKS: Final = frozenset(
    {"repos", "ci", "default_language_version", "minimum_pre_commit_version"}
)
# Variables that change what the checks do.
TELLING: Final = re.compile(
    r"CI|ARGS|STEPS|KIT|SHELL|PATH|PYTHON\w*|MAKE\w*|GNUMAKE\w*|PYTEST\w*|MYPY\w*|RUFF\w*|COV\w*|SKIP"
    r"|PRE_COMMIT\w*|PREK\w*|ZIZMOR\w*|BASH_ENV|ENV|LD_\w+|UV_NO\w*|PIP_NO\w*"
)
SET_LATER: Final = re.compile(r"\b(GITHUB_ENV|GITHUB_PATH|BASH_ENV|set-env|add-path)\b")
PINNED: Final = re.compile(r"(?P<action>[\w./-]+)@[0-9a-f]{40}")


def weakened_workflows(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield what is missing of the release's workflows, or may fail unseen."""
    for path in sorted(p for p in release.paths if p.startswith(WORKFLOWS)):
        if service.equals(release, path):
            continue
        before, after = release.yaml(path), service.yaml(path)
        if not after:
            yield Finding(path, 1, "ENF4", "the workflow is gone")
            continue
        for key, message in _workflow(before, after):
            line = service.line_of(path, key.rsplit(".", 1)[-1])
            yield Finding(path, line, "ENF4", message, key)


def _workflow(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    # YAML 1.1 reads the key `on` as true.
    yield from _triggers(before.get(True), after.get(True))
    yield from _others("", before, after, FREE_TOP | {True})
    jobs = after.get("jobs") or {}
    for name, job in before["jobs"].items():
        if not isinstance(own := jobs.get(name), dict):
            yield f"jobs.{name}", "the job is gone"
            continue
        at = f"jobs.{name}."
        yield from _others(at, job, own, FREE_JOB)
        yield from _strategy(at, job.get("strategy") or {}, own.get("strategy") or {})
        yield from _steps(at, job.get("steps") or [], own.get("steps") or [])


def _triggers(before: object, after: object) -> Iterator[tuple[str, str]]:
    """Yield events that no longer start the workflow, or start it for less."""
    for event, filters in _events(before).items():
        if event not in _events(after):
            yield f"on.{event}", "the event is gone"
        elif event != "schedule":
            own = _events(after)[event] or {}
            for name, values in own.items():
                if not isinstance(values, list) or not set((filters or {}).get(name, [])) <= {
                    *values
                }:
                    yield f"on.{event}.{name}", f"the filter {values} leaves events out"
                elif name not in (filters or {}):
                    yield f"on.{event}.{name}", f"the filter {values} was added"


def _events(on: object) -> dict[str, Any]:
    if isinstance(on, dict):
        return on
    return dict.fromkeys([on] if isinstance(on, str) else on if isinstance(on, list) else [])


def _others(
    at: str, before: Mapping[Any, Any], after: Mapping[Any, Any], free: frozenset[Any]
) -> Iterator[tuple[str, str]]:
    """Yield every difference outside the names that are free, and telling variables."""
    old, new = ({k: v for k, v in side.items() if k not in free} for side in (before, after))
    for change in changes(old, new):
        yield at + ".".join(change.at), str(change)
    own = after.get("env")
    for name, value in (own if isinstance(own, dict) else {}).items():
        if TELLING.fullmatch(str(name)) and (before.get("env") or {}).get(name) != value:
            yield f"{at}env.{name}", f"the variable is set to {value!r}"


def _strategy(
    at: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    yield from _others(f"{at}strategy.", before, after, FREE_STRATEGY)
    matrix, own = before.get("matrix") or {}, after.get("matrix") or {}
    for name, values in matrix.items():
        listed = own.get(name) if isinstance(own, dict) else None
        missing = [v for v in values if not isinstance(listed, list) or v not in listed]
        if missing:
            yield f"{at}strategy.matrix.{name}", f"{missing} are gone"
    if "exclude" in own:
        yield f"{at}strategy.matrix.exclude", "combinations are left out"


def _steps(at: str, before: list[Any], after: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield steps that are gone or differ; steps of the team's may stand between them."""
    left = [step for step in after if isinstance(step, dict)]
    for step in left:
        if set_later := SET_LATER.search(str(step.get("run", ""))):
            yield f"{at}steps.{set_later[0]}", "a step sets variables for those after it"
    for step in before:
        name = _action(step) or str(step.get("run", "")).strip()
        places = [
            n
            for n, own in enumerate(left)
            if name in (_action(own), str(own.get("run", "")).strip())
        ]
        if not places:
            yield f"{at}steps.{name}", "the step is gone, moved or changed"
            continue
        own = left[places[0]]
        left = left[places[0] + 1 :]
        yield from _others(f"{at}steps.{name}.", step, own, FREE_STEP)
        if "uses" in own and not PINNED.fullmatch(str(own["uses"])):
            yield f"{at}steps.{name}.uses", "the action is not pinned to a commit"


def _action(step: Mapping[str, Any]) -> str:
    return str(step.get("uses", "")).partition("@")[0]


def weakened_hooks(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield hooks of the release that are gone, differ, or see less."""
    if service.equals(release, HOOKS) or not (before := release.yaml(HOOKS)):
        return
    if not (after := service.yaml(HOOKS)):
        yield Finding(HOOKS, 1, "ENF3", "the configuration of the hooks is gone")
        return
    for key, message in _others("", before, after, FREE_HOOKS):
        yield Finding(HOOKS, service.line_of(HOOKS, key), "ENF3", message, key)
    own = _by_id(after)
    for name, hook in _by_id(before).items():
        if name not in own:
            yield Finding(HOOKS, 1, "ENF3", "the hook is gone", name)
            continue
        for change in changes(hook, own[name]):
            line = service.line_of(HOOKS, f"id: {name}")
            key = ".".join((name, *change.at))
            yield Finding(HOOKS, line, "ENF3", str(change), key)


def _by_id(config: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for repo in config.get("repos") or []:
        for hook in repo.get("hooks") or []:
            found.setdefault(str(hook.get("id")), hook)
    return found
