"""Look up the pins in the vulnerability databases; needs a network.

Packages that the databases do not know, such as those of a private index, are listed, and the
others are still looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["findings", "main"]


def main() -> int:
    """Look up all pins; return 1 if one is vulnerable, or if none could be looked up."""
    files = [f"--requirement={file}" for file in sorted(Path("requirements").glob("*.txt"))]
    options = ("--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json")
    command = [sys.executable, "-m", "pip_audit", *options, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        pins = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"the pins could not be looked up: {done.stderr.strip()}")
        return 1
    lines, sound = findings(pins)
    print(f"{len(pins)} pins", *lines, sep="\n  ")
    return 0 if sound else 1


def findings(pins: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """Return a line for each finding of pip-audit, and whether no vulnerability is known."""
    hidden = [pin for pin in pins if "skip_reason" in pin]
    if pins and len(hidden) == len(pins):
        return [f"none could be looked up, as in: {hidden[0]['skip_reason']}"], False
    lines = [f"{pin['name']}: not looked up: {pin['skip_reason']}" for pin in hidden]
    vulnerable = [(pin, each) for pin in pins for each in pin.get("vulns", [])]
    for pin, each in vulnerable:
        fixed = ", ".join(each["fix_versions"]) or "no version"
        lines.append(f"{pin['name']} {pin['version']}: {each['id']}, fixed in {fixed}")
    return lines, not vulnerable


if __name__ == "__main__":
    sys.exit(main())
