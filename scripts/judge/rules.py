"""The rules of a release, run over a service by the release's own copy of them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from scripts.judge.finding import Finding, JudgeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scripts.judge.checkout import Checkout

__all__ = ["broken_rules"]

SECONDS: Final = 120
# It runs in a process of its own, because each release has its own package `scripts`. The modules
# of the service are parsed, not imported. Rules about one module look at those that differ from
# the release, whose own were clean; a rule about the whole checkout has no `__wrapped__` check.
PROGRAM: Final = """\
import gc, json, pathlib, sys
gc.disable()
release, service = sys.argv[1:]
sys.path.insert(0, release)
from scripts.standards.project import Project
from scripts.standards.rules import RULES
changed = set(json.load(sys.stdin))
class Changed(Project):
    def modules(self, *folders):
        return (m for m in super().modules(*folders) if m.path in changed)
whole, part = Project(pathlib.Path(service)), Changed(pathlib.Path(service))
found = {
    (f.path, f.line, f.code, f.message)
    for rule in RULES
    for f in rule.violations(part if hasattr(rule.check, "__wrapped__") else whole)
}
json.dump(sorted(found), sys.stdout)
"""


def broken_rules(release: Checkout, service: Checkout, changed: Iterable[str]) -> Iterator[Finding]:
    """Yield what the rules of the release find in a service.

    Args:
        release: The release, rendered for the service.
        service: The service's checkout.
        changed: The files that are not as the release has them.

    Raises:
        JudgeError: The rules could not run.
    """
    if "scripts/standards/rules.py" not in release.paths:
        return
    folders = (str(release.root.resolve()), str(service.root.resolve()))
    command = (sys.executable, "-I", "-B", "-c", PROGRAM, *folders)
    try:
        done = subprocess.run(
            command,
            input=json.dumps(sorted(changed)),
            cwd=release.root,
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as exc:
        raise JudgeError(f"the rules took more than {SECONDS} s") from exc
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise JudgeError(f"the rules could not run: {''.join(last)}")
    for found in json.loads(done.stdout):
        # Settings are compared one by one with those of the release.
        if found[0] != "pyproject.toml":
            yield Finding(*found)
