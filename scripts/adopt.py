"""Bring an existing service under the template, on a branch of its own: `make adopt`.

The branch has one commit on the service's last one: the files of a render, and the service's own
files beside them. At a path of both the render's file is taken, and listed; git has the service's.
The checkout is not touched.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import copier
from copier.errors import CopierError, DirtyLocalWarning, ShallowCloneWarning

from scripts.new import AnswersError, address, has_drafts, load, record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Adoption", "AdoptionError", "adopt", "lacking", "main", "propose_answers"]

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "adopt-groundwork"
_PROVIDERS = ("anthropic", "openai")
_RUFF = (sys.executable, "-m", "ruff")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class AdoptionError(Exception):
    """The service cannot be adopted; the message has the reason."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """The content of the branch: answers, replaced files, and requirements moved to `app.in`."""

    answers: Mapping[str, object]
    replaced: Sequence[str]
    requirements: Sequence[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 if the service cannot be adopted."""
    parser = argparse.ArgumentParser(prog="make adopt", description=__doc__)
    parser.add_argument("service", type=Path, help="a git checkout of the service")
    parser.add_argument("--answers", type=Path, help="YAML file of answers, instead of guesses")
    options = parser.parse_args(argv)
    service = options.service.resolve()
    if has_drafts():
        print("adopt: commit the changes of this checkout, which no update finds", file=sys.stderr)
        return 1
    try:
        given = load(options.answers) if options.answers else {}
        adoption = adopt(service, {**propose_answers(service), **given})
    except (AdoptionError, AnswersError, CopierError, ValueError) as exc:
        print(f"adopt: {exc}", file=sys.stderr)
        return 1
    print(_told(adoption, lacking(service)))
    return 0


def propose_answers(service: Path) -> dict[str, object]:
    """Guess the answers from the files of a service; questions without a clue are left out."""
    project = _project(service)
    names = {_package(line) for line in _requirements(service)}
    found: dict[str, object] = {
        "project_name": str(project.get("name") or service.name).replace("-", " ").capitalize(),
        "ci": "github" if (service / ".github/workflows").is_dir() else "none",
        "docs": any((service / name).exists() for name in ("docs", "mkdocs.yml", "zensical.toml")),
        "container": any((service / name).exists() for name in ("Dockerfile", "compose.yaml")),
        "llm_providers": [name for name in _PROVIDERS if name in names],
    }
    if text := project.get("description"):
        found["description"] = text
    authors = [author["name"] for author in project.get("authors", ()) if "name" in author]
    if authors:
        found["owner"] = authors[0]
    if project.get("license") in {"MIT", "Apache-2.0"}:
        found["license"] = project["license"]
    if match := re.search(r"3\.1([1-4])", str(project.get("requires-python", ""))):
        found["python_version"] = f"3.1{match[1]}"
    return found


def adopt(
    service: Path, answers: Mapping[str, object], *, template: Path = ROOT, ref: str = "HEAD"
) -> Adoption:
    """Commit a render and the service's files to a branch.

    Args:
        service: A git checkout.
        answers: Answers to the template's questions; defaults for the rest.
        template: The checkout of the template.
        ref: The commit of the template.

    Raises:
        AdoptionError: The service is not in git, is one of the template's already, or has the
            branch already.
    """
    if _git(service, "rev-parse", "--show-prefix").strip():
        raise AdoptionError("the service must be the top folder of a git repository")
    tracked = set(_git(service, "ls-tree", "-rz", "--name-only", "HEAD").split("\0"))
    if ".copier-answers.yml" in tracked:
        raise AdoptionError("the service has .copier-answers.yml: use `make template-update`")
    if _git(service, "branch", "--list", BRANCH).strip():
        raise AdoptionError(f"there is a branch {BRANCH} already: delete it to start again")
    with tempfile.TemporaryDirectory(prefix="adopt-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DirtyLocalWarning)
        warnings.simplefilter("ignore", ShallowCloneWarning)
        render = Path(folder) / "render"
        made = copier.run_copy(
            str(template), render, data=dict(answers), defaults=True, quiet=True, vcs_ref=ref
        )
        if url := address(template):
            record(render, url)
        requirements = _keep(service, render)
        files = sorted(p.relative_to(render).as_posix() for p in render.rglob("*") if p.is_file())
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(service, "read-tree", "HEAD", env=index)
        _git(
            service,
            "update-index",
            "--add",
            "--index-info",
            env=index,
            given="".join(f"{_entry(service, render / path)}\t{path}\n" for path in files),
        )
        tree = _git(service, "write-tree", env=index).strip()
    replaced = [path for path in files if path in tracked]
    listed = "".join(f"- {path}\n" for path in replaced)
    message = f"Adopt the template\n\nFiles of the template instead of the service's:\n\n{listed}"
    commit = _git(service, "commit-tree", tree, "-p", "HEAD", "-m", message).strip()
    _git(service, "update-ref", f"refs/heads/{BRANCH}", commit)
    found = made.answers.combined.items()
    recorded = {n: value for n, value in found if not (n.startswith("_") or callable(value))}
    return Adoption(recorded, replaced, requirements)


def lacking(service: Path) -> list[str]:
    """Return what the service's own modules lack, a line for each practice, by its code.

    The settings of the branch's linter are applied to the modules of the service's last commit.
    """
    with tempfile.TemporaryDirectory(prefix="adopt-") as folder:
        checkout = Path(folder) / "checkout"
        _git(service, "clone", "--quiet", "--branch", BRANCH, str(service), str(checkout))
        tracked = _git(service, "ls-tree", "-rz", "--name-only", "HEAD").split("\0")
        modules = [path for path in tracked if path.endswith(".py")]
        command = [*_RUFF, "check", "--output-format", "json", "--no-cache", *modules]
        done = subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True)
        found = json.loads(done.stdout or "[]") if modules else []
        table = tomllib.loads((checkout / "scripts/practices.toml").read_text(encoding="utf-8"))
    practices = {
        code: entry
        for family in table.values()
        for code, entry in family.items()
        if isinstance(entry, dict)
    }
    counts = Counter(_practice(str(each["code"]), practices) for each in found)
    return [
        f"{code}  {counts[code]:4}  {entry['asks']}"
        for code, entry in practices.items()
        if counts[code]
    ]


def _practice(rule: str, practices: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the practice that a rule of the linter belongs to, with the longest prefix."""
    prefixes = {
        prefix: code
        for code, entry in practices.items()
        for tool in entry["by"]
        if tool.startswith("ruff ")
        for prefix in tool.split()[1:]
    }
    fitting = [prefix for prefix in prefixes if rule.startswith(prefix)]
    return prefixes[max(fitting, key=len)] if fitting else ""


def _entry(service: Path, file: Path) -> str:
    """Return a line for git's index about a file, whose content git takes over."""
    name = _git(service, "hash-object", "-w", "--no-filters", str(file)).strip()
    return f"{'100755' if os.access(file, os.X_OK) else '100644'} {name}"


def _keep(service: Path, render: Path) -> list[str]:
    """Add the service's requirements and ignored paths to a render; return the requirements."""
    pinned = "".join((render / f"requirements/{name}.in").read_text() for name in ("base", "dev"))
    taken = {_package(line) for line in pinned.splitlines()}
    ours = [line for line in _requirements(service) if _package(line) not in taken]
    if ours:
        with (render / "requirements/app.in").open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in ours)
    ignored, known = service / ".gitignore", (render / ".gitignore").read_text("utf-8")
    if ignored.is_file():
        lines = ignored.read_text("utf-8").splitlines()
        more = [line for line in lines if line.strip() and line not in known.splitlines()]
        text = "".join(f"{line}\n" for line in more)
        (render / ".gitignore").write_text(f"{known}\n# Ours\n{text}" if more else known, "utf-8")
    return ours


def _project(service: Path) -> dict[str, Any]:
    try:
        text = (service / "pyproject.toml").read_text(encoding="utf-8")
        project: dict[str, Any] = tomllib.loads(text).get("project", {})
    except FileNotFoundError:
        return {}
    except ValueError as exc:
        raise AdoptionError(f"pyproject.toml is not valid: {exc}") from exc
    return project


def _requirements(service: Path) -> list[str]:
    """Return the direct requirements, from pyproject.toml or requirements.txt."""
    listed = [str(line) for line in _project(service).get("dependencies", ())]
    plain = service / "requirements.txt"
    if not listed and plain.is_file():
        listed = plain.read_text(encoding="utf-8").splitlines()
    return [line.split(" #")[0].strip() for line in listed if _NAME.match(line)]


def _package(requirement: str) -> str:
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


def _told(adoption: Adoption, lacks: Sequence[str]) -> str:
    def listed(names: Sequence[str]) -> str:
        return "".join(f"  {name}\n" for name in names) or "  none\n"

    answers = [f"{name}: {value}" for name, value in sorted(adoption.answers.items())]
    return (
        f"The branch {BRANCH} has the template's files beside the service's.\n"
        f"\nAnswers, proposed from the service's files:\n{listed(answers)}"
        f"\nFiles of the template instead of the service's (`git show HEAD:PATH` has yours):\n"
        f"{listed(adoption.replaced)}"
        f"\nRequirements that are now in requirements/app.in:\n{listed(adoption.requirements)}"
        f"\nPractices that the service's modules lack (`make explain CODE=…` on the branch):\n"
        f"{listed(lacks)}"
        f"\nNext, as docs/adopt.md explains:\n  git switch {BRANCH}\n  make lock setup\n"
        "  move your routes and parts to src/app/ext, then: make check test\n"
    )


def _git(
    service: Path, *arguments: str, env: Mapping[str, str] | None = None, given: str | None = None
) -> str:
    """Run git in the service.

    Raises:
        AdoptionError: It failed.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=service,
            env={**os.environ, **(env or {})},
            input=given,
            check=False,
            capture_output=True,
            text=True,
        )
    except OSError as exc:
        raise AdoptionError(f"{service}: {exc.strerror}") from exc
    if done.returncode:
        raise AdoptionError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
