"""Preview, apply or abort the update of a service to the release of this folder.

cd my-service/.cache/template-update/release
python -m scripts.updating [--preview|--abort] [--no-proof] my-service
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.template_update import UpdateError
from scripts.updating.applying import abort, apply, refuse_unready, unfinished
from scripts.updating.branches import propose
from scripts.updating.merging import merge
from scripts.updating.reporting import write_reports
from scripts.updating.repository import GitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.updating.merging import Merge

__all__ = ["main"]

RELEASE = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="make template-update", description=__doc__)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--preview", action="store_true", help="report, and test in a scratch copy")
    way.add_argument("--abort", action="store_true", help="restore the state before an update")
    way.add_argument("--branch", default="", help="commit the result to this branch instead")
    parser.add_argument("--no-proof", action="store_true", help="skip checks and tests")
    parser.add_argument("service", type=Path)
    options = parser.parse_args(arguments)
    try:
        if options.abort:
            print(f"Restored the state before the update to {abort(options.service)}.")
            return 0
        proven = not options.no_proof
        return update(
            options.service, preview=options.preview, proven=proven, branch=options.branch
        )
    except (UpdateError, GitError) as exc:
        print(f"template-update: {exc}", file=sys.stderr)
    except subprocess.CalledProcessError as exc:
        failed = " ".join(map(str, exc.cmd))
        print(f"template-update: `{failed}` failed; its output is above", file=sys.stderr)
    except KeyboardInterrupt:
        done = unfinished(options.service)
        state = f"is updated to {done['release']}, untested" if done else "is unchanged"
        print(f"template-update: interrupted; the service {state}", file=sys.stderr)
        return 130
    return 1


def update(service: Path, *, preview: bool, proven: bool = True, branch: str = "") -> int:
    """Merge, report, and test the result in a scratch copy or in the service.

    On a branch it is neither tested nor, with conflicts, a failure: reviews are for that.

    Raises:
        UpdateError: The service is not ready, or other files block those of the release.
        GitError: Git failed.
        subprocess.CalledProcessError: A check or test of the result failed.
    """
    refuse_unready(service)
    with tempfile.TemporaryDirectory(prefix="template-update-") as scratch:
        merged = merge(service, RELEASE, Path(scratch))
        if merged.result == merged.ours:
            print(f"Nothing to do: the service is up to date with {merged.new}.")
            return 0
        print(write_reports(merged, RELEASE))
        if branch:
            print(propose(service, merged, branch, RELEASE.with_name("report.md")))
            return 0
        if preview:
            return _preview(merged, proven=proven)
        apply(service, merged)
    if merged.conflicts:
        listed = "\n  ".join(merged.conflicts)
        print(
            "Resolve the conflicts and `git add` the files, then run "
            f"`make reference lock check test`:\n  {listed}\n"
            "`make template-update ABORT=1` restores the state before.",
            file=sys.stderr,
        )
        return 1
    if proven:
        prove(service, merged)
    elif merged.generated:
        print("Run `make reference`.")
    print("Updated. Review `git diff HEAD`, and commit.")
    return 0


def _preview(merged: Merge, *, proven: bool) -> int:
    if merged.conflicts:
        print("Nothing was changed. The update would have these conflicts.")
        return 1
    if proven:
        print(
            "Checking and testing the result in a copy, with an environment of its own:", flush=True
        )
        prove(merged.scratch.folder, merged)
    print("Nothing was changed. `make template-update` applies this update.")
    return 0


def prove(folder: Path, merged: Merge) -> None:
    """Run a service's own checks and tests, once its generated files are written.

    Raises:
        subprocess.CalledProcessError: One of them failed.
    """
    for target in (*(["reference"] if merged.generated else []), "check", "test"):
        subprocess.run(["make", "--no-print-directory", target, "ARGS="], cwd=folder, check=True)


if __name__ == "__main__":
    sys.exit(main())
