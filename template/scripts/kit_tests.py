"""Run the kit's tests of the template release of this service: `make test KIT=1`.

They are not part of the service. Copier renders the release with the service's answers to a folder
below .cache/kit-tests, once, and the tests run there against the service's own src/ and pins.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.template_update import UpdateError, answer, fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["fetch_tests", "main"]

ROOT = Path(__file__).resolve().parent.parent


def fetch_tests(root: Path) -> Path:
    """Return the folder with the tests of the service's release; create it if it is missing.

    Raises:
        UpdateError: The answers name no release, or the template is out of reach.
    """
    commit = answer(root, "_commit")
    folder = root / ".cache/kit-tests" / commit
    if not (folder / "src").exists():
        fetch(root, folder, "--vcs-ref", commit, "--exclude", "/src", "--exclude", "!/tests/kit")
        (folder / "src").symlink_to(root / "src")
    return folder


def main(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments; return its exit code, or 1 if there are no tests."""
    try:
        folder = fetch_tests(ROOT)
    except UpdateError as exc:
        print(f"kit-tests: {exc}", file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "pytest", *arguments, "tests/kit"]
    return subprocess.run(command, check=False, cwd=folder).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
