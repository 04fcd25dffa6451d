"""A team's extension with a part of every kind: the code of the documentation, in real services."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from harness.commands import git, interpreter, run, user_environment
from harness.rendering import TemplateRepository, commit_all
from harness.snippets import commands, snippets, write_files
from harness.updating import assert_no_conflict, update_with_api

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.answers import Answers

SERVICES: Final[Mapping[str, Answers]] = {
    "own provider": {"llm_providers": ["own"]},
    "both providers and interfaces": {
        "llm_providers": ["anthropic", "openai"],
        "interfaces": ["openai", "mcp"],
    },
}

NOT_RUN: Final = {
    r"make (check|test|reference)\b": "run before the others",
    r"make (run|provider)\b|.*/uvicorn |.*-m app serve\b": "serves until it is stopped",
    r"make template-(preview|source|update)\b": "the tests of updates run them",
    r"systemctl ": "needs a machine with systemd",
    r"docker ": "the tests of the container run it",
    r"curl ": "needs a serving process; its path is looked up",
    r"export ": "changes the caller's shell",
}
"""Commands of the documentation that are not run here, and why."""

MAY_FAIL: Final = re.compile(r".*-m app failed retry ")
"""Commands that say by their exit code that a document has failed again."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_the_code_of_the_documentation_passes_the_services_own_commands(
    name: str, place: Path, tmp_path: Path
) -> None:
    """A part of each kind is added, no owned file is edited, and all is green after an update."""
    root = tmp_path / "template"
    root.mkdir()
    template = TemplateRepository.of_working_tree(root)
    template.release("v0.1.0")
    service = template.render(place, SERVICES[name])
    commit_all(service, "Start from Groundwork")
    python = interpreter("3.11") or Path(sys.executable)
    # As a team runs the tests; those of services run them thoroughly.
    env = {**user_environment(tmp_path / "tools", python=python, uv=True), "CI": ""}
    written = write_files(service)

    stale = run("make", "check", "STEPS=reference", cwd=service, env=env, expected=2)
    assert "Run `make reference`" in stale.stdout
    run("make", "reference", cwd=service, env=env)
    run("make", "check", cwd=service, env=env)
    run("make", "test", cwd=service, env=env)
    changed = git(service, "status", "--porcelain", "--untracked-files=all").splitlines()
    generated = {".env.ext.example", "docs/configuration.ext.md"}
    assert {f"?? {path}" for path in {*written, *generated}} == set(changed)

    listed = run(".venv/bin/python", "-m", "app", "config", "--json", cwd=service, env=env)
    parts = json.loads(listed.stdout)["parts"]
    assert _extended(parts) == set(parts) - {"guards"}
    if name == "both providers and interfaces":
        _run_console_lines(service, env)
    else:
        _update(template, service, env, written)


def _extended(parts: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Return the kinds of which the extension has a part."""
    return {
        kind
        for kind, origins in parts.items()
        if any(origin.startswith("app.ext.") for origin in origins.values())
    }


def _run_console_lines(service: Path, env: Mapping[str, str]) -> None:
    """Run the console lines of every page in order, in one checkout."""
    documents = service / "path/to/documents"
    (documents / "reports").mkdir(parents=True)
    (documents / "guide.md").write_text("# Guide\n\nA question that they answer.\n")
    (documents / "reports/2024.pdf").write_bytes(b"no PDF")
    shell = {**env, "PATH": f"{service / '.venv/bin'}:{env['PATH']}", "APP_MIN_GROUNDING": "0"}
    served = (service / "src/app").rglob("*.py")
    sources = "".join(path.read_text(encoding="utf-8") for path in served)
    for page, line in commands(service):
        if url := re.search(r"127\.0\.0\.1:8000/v1(/[\w/]+)", line):
            first = "/" + url[1].split("/")[1]  # the rest may be an id
            paths = (url[1], f"/v1{url[1]}", first, f"/v1{first}")
            assert any(f'"{path}"' in sources for path in paths), f"{page}: {line}"
        if any(re.match(pattern, line) for pattern in NOT_RUN):
            continue
        if line.startswith("sqlite3 ") and shutil.which("sqlite3") is None:
            continue
        done = run("bash", "-c", line, cwd=service, env=shell, expected=None)
        codes = {0, 1} if MAY_FAIL.match(line) or "ingest" in line else {0}
        assert done.returncode in codes, f"{page}: {line}\n{done.stdout}"


def _update(
    template: TemplateRepository, service: Path, env: Mapping[str, str], written: list[str]
) -> None:
    """Update to a release that changes what lies beside the extension."""
    commit_all(service, "Extend it")
    before = {path: (service / path).read_bytes() for path in written}
    for name in ("src/app/ext/__init__.py", "src/app/registry.py", "docs/extending.md"):
        path = template.root / "template" / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("\n\n", "\n\nIt has changed.\n\n", 1), encoding="utf-8")
    template.release("v0.1.1")
    update_with_api(service)
    assert_no_conflict(service)
    assert before == {path: (service / path).read_bytes() for path in written}
    assert "It has changed." in (service / "src/app/registry.py").read_text(encoding="utf-8")
    run("make", "check", cwd=service, env=env)
    run("make", "test", "ARGS=tests/team", cwd=service, env=env)


def test_each_example_is_covered(template: TemplateRepository, tmp_path: Path) -> None:
    """Each block of Python names its file, and the service that runs console lines has them all."""
    service = template.render(tmp_path / "service", SERVICES["both providers and interfaces"])
    other = template.render(tmp_path / "other", SERVICES["own provider"])
    assert {*commands(other)} <= {*commands(service)}
    nameless = [item for item in snippets(service) if item.language == "python" and not item.title]
    assert [] == nameless
