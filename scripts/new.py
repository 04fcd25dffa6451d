"""Start a service from this checkout of the template, for `make new` and `make demo`.

The answers come from the questions on a terminal, from a YAML file with ``--answers``, or from
the defaults. No file is overwritten: the destination must be missing or empty.
"""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import copier
import yaml
from copier.errors import CopierError, DirtyLocalWarning, ShallowCloneWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AnswersError", "address", "has_drafts", "load", "main", "record"]

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE_PATHS = ("copier.yml", "includes", "template")


class AnswersError(Exception):
    """The answers file cannot be used; the message has the reason."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit code, 2 if no service could be started."""
    arguments = _parser().parse_args(argv)
    if problem := _problem_with(arguments.destination):
        return _refuse(problem)
    try:
        answers = load(arguments.answers) if arguments.answers else {}
        interactive = sys.stdin.isatty() and not (arguments.answers or arguments.defaults)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DirtyLocalWarning)
            warnings.simplefilter("ignore", ShallowCloneWarning)
            made = copier.run_copy(
                str(ROOT),
                arguments.destination,
                data=answers,
                defaults=not interactive,
                quiet=True,
                vcs_ref="HEAD",
            )
    except KeyboardInterrupt:
        return 130
    # Copier reports an invalid answer as a ValueError.
    except (AnswersError, CopierError, ValueError) as exc:
        return _refuse(str(exc))
    if url := address():
        record(arguments.destination, url)
    elif not arguments.quiet:
        sys.stderr.write(
            "Note: this checkout has no remote, so the service will look for updates in this\n"
            "folder. `make template-source URL=...` there sets an address for all users.\n"
        )
    if not arguments.quiet:
        sys.stdout.write(_told(made.answers.combined, arguments.destination))
    if not arguments.quiet and has_drafts():
        sys.stderr.write(
            "Note: this checkout has uncommitted changes. They are in the new service, which\n"
            "cannot be updated until they are committed and it is created again.\n"
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make new", description=__doc__)
    parser.add_argument("destination", type=_path, help="a folder that is missing or empty")
    parser.add_argument("--answers", type=_path, help="YAML file of answers; defaults for the rest")
    parser.add_argument("--defaults", action="store_true", help="ask nothing, use the defaults")
    parser.add_argument("--quiet", action="store_true", help="print only errors")
    return parser


def _path(text: str) -> Path:
    """Return a path; expands `~`, which not every shell does in `DEST=~/my-service`.

    Raises:
        argparse.ArgumentTypeError: There is no such home folder.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as exc:
        raise argparse.ArgumentTypeError(f"{text}: {exc}") from exc


def _told(answers: Mapping[str, object], destination: Path) -> str:
    """Return the answers of the service, and the next steps."""
    config = _config()
    questions = [name for name in config if not name.startswith("_")]
    width = max(map(len, questions))
    lines = [f"  {name:<{width}}  {_written(answers[name])}" for name in questions]
    steps = str(config["_message_after_copy"])
    steps = steps.replace("@{ project_name }@", str(answers["project_name"]))
    steps = steps.replace("@{ _copier_conf.dst_path }@", shlex.quote(str(destination)))
    return "\n".join(["The answers, saved in .copier-answers.yml:", "", *lines, steps])


def _written(answer: object) -> str:
    if isinstance(answer, list):
        return ", ".join(map(str, answer)) or "none"
    return str(answer).lower() if isinstance(answer, bool) else str(answer)


def address(template: Path = ROOT) -> str:
    """Return the address of the remote of a template's checkout, if others can use it."""
    command = ["git", "remote", "get-url", "origin"]
    done = subprocess.run(command, cwd=template, capture_output=True, text=True, check=False)
    url = done.stdout.strip()
    return url if "://" in url or re.match(r"[\w.-]+@?[\w.-]+:", url) else ""


def record(service: Path, url: str) -> None:
    """Set an address for updates in a service's answers that works from anywhere."""
    script = ROOT / "template/scripts/template_update.py"
    command = [sys.executable, str(script), "--service", str(service), "--set-source", url]
    subprocess.run(command, check=True)


def _config() -> dict[str, object]:
    config: dict[str, object] = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    return config


def _problem_with(destination: Path) -> str | None:
    if destination.is_dir():
        if any(destination.iterdir()):
            return f"{destination} is not empty; choose a new folder"
    elif destination.exists():
        return f"{destination} is a file; choose a new folder"
    return None


def load(path: Path) -> dict[str, object]:
    """Read the answers; rejects names without a question, which Copier would ignore.

    Raises:
        AnswersError: The file is missing, not a YAML mapping, or answers an unknown question.
    """
    try:
        answers = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise AnswersError(f"cannot read the answers of {path}: {exc}") from exc
    if not isinstance(answers, dict):
        raise AnswersError(f"{path} must hold `question: answer` lines")
    questions = [name for name in _config() if not name.startswith("_")]
    for name in map(str, answers):
        if name not in questions and not name.startswith("_"):
            near = difflib.get_close_matches(name, questions, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(questions)}"
            raise AnswersError(f"{path} answers {name}, which is not a question; {hint}")
    return {str(name): answer for name, answer in answers.items()}


def has_drafts() -> bool:
    """Return whether the checkout's template differs from its last commit."""
    status = subprocess.run(
        ["git", "status", "--porcelain", "--", *TEMPLATE_PATHS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(status.stdout.strip())


def _refuse(problem: str) -> int:
    sys.stderr.write(f"make new: {problem}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
