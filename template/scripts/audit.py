"""Look the pins up in the vulnerability databases; needs a network.

Each requirements file is looked up as a whole. A package that the databases do not know, such as
one of a private index, is named, and the others are looked up all the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NotRequired, TypedDict

__all__ = ["main", "told"]

FOLDER = Path("requirements")
_COMMAND = (
    *(sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"),
    *("--progress-spinner", "off", "--format", "json"),
)


class Vulnerability(TypedDict):
    """What pip-audit says of one vulnerability."""

    id: str
    fix_versions: list[str]


class Dependency(TypedDict):
    """What pip-audit says of one pin: what was found, or why nothing could be."""

    name: str
    version: NotRequired[str]
    vulns: NotRequired[list[Vulnerability]]
    skip_reason: NotRequired[str]


def main() -> int:
    """Look all pins up; return 1 when one is vulnerable, or none of a file could be looked up."""
    failed = False
    for file in sorted(FOLDER.glob("*.txt")):
        done = subprocess.run(
            (*_COMMAND, "--requirement", str(file)), capture_output=True, text=True, check=False
        )
        try:
            found: list[Dependency] = json.loads(done.stdout)["dependencies"]
        except ValueError:
            print(f"{file}: could not be looked up: {done.stderr.strip()}", flush=True)
            failed = True
            continue
        lines, sound = told(found)
        print(f"{file}: {len(found)} pins", *lines, sep="\n  ", flush=True)
        failed = failed or not sound
    return int(failed)


def told(found: list[Dependency]) -> tuple[list[str], bool]:
    """Return a line for each thing to know, and whether all is well as far as it is known."""
    hidden = [each for each in found if "skip_reason" in each]
    if found and len(hidden) == len(found):
        return [f"none could be looked up, as in: {hidden[0].get('skip_reason')}"], False
    lines = [f"{each['name']}: not looked up: {each.get('skip_reason')}" for each in hidden]
    vulnerable = [each for each in found if each.get("vulns")]
    for each in vulnerable:
        for one in each.get("vulns", []):
            fixed = ", ".join(one["fix_versions"]) or "no version"
            lines.append(f"{each['name']} {each.get('version')}: {one['id']}, mended in {fixed}")
    return lines, not vulnerable


if __name__ == "__main__":
    sys.exit(main())
