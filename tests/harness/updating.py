"""Updates of a service, and checks of the result."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Final

import copier
from pathspec import GitIgnoreSpec

from harness.answers import ROOT
from harness.commands import git, run

if TYPE_CHECKING:
    from pathlib import Path

    from harness.answers import Answers

__all__ = ["TEAMS_OWN", "assert_no_conflict", "differing", "update_with_api", "update_with_command"]

TEAMS_OWN: Final = GitIgnoreSpec.from_lines(
    [
        *("/src/app/ext/", "/requirements/app.*", "/gwkit-edits.toml", "/exceptions.toml"),
        *("/scripts/standards/own/", "/data/samples/", "/evals/golden.jsonl"),
    ]
)
"""What an update leaves as it is: the seeds, and what only a copy writes."""


def update_with_api(service: Path, answers: Answers | None = None) -> None:
    """Update with the newest Copier, as an update bot would: no questions, no trust."""
    copier.run_update(service, data=dict(answers or {}), defaults=True, overwrite=True, quiet=True)


def update_with_command(service: Path, answers: Answers | None = None) -> None:
    """Update with the command of the service, without its checks and tests."""
    given = " ".join(
        shlex.quote(f"{name}={value if isinstance(value, str) else json.dumps(value)}")
        for name, value in (answers or {}).items()
    )
    script = ROOT / "template/scripts/template_update.py"
    flags = ("--service", service, "--no-proof", "--answers", given)
    run(sys.executable, script, *flags, cwd=service)
    shutil.rmtree(service / ".cache")


def assert_no_conflict(service: Path) -> None:
    """No unmerged path, no conflict marker, no rejected hunk."""
    assert "" == git(service, "ls-files", "--unmerged")
    # Ignored files are not the team's: packages and caches may have such lines.
    listed = git(service, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    assert [] == [name for name in listed if name.endswith((".rej", ".orig"))]
    for name in listed:
        data = (service / name).read_bytes() if (service / name).is_file() else b""
        assert None is re.search(rb"^(<{7}|>{7}) ", data, re.MULTILINE), name


def differing(expected: dict[str, bytes], actual: dict[str, bytes]) -> list[str]:
    """Name the files that differ or that only one side has."""
    names = expected.keys() | actual.keys()
    return sorted(name for name in names if expected.get(name) != actual.get(name))
