"""Bring the newest release of the template, and prove that the service still holds.

    make template-update               the newest release
    make template-update TO=v1.2.3     a certain one

The answers stay as they were; a new question gets its default. The update is left uncommitted for
your review. It stops, and says where, at conflicts with what you have changed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.pins import read_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Checkout", "UpdateError", "main", "update"]

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = ".copier-answers.yml"
MARKER = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)


class UpdateError(Exception):
    """The update cannot begin, or cannot be left as it is."""


class Checkout:
    """A service's git checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> str:
        """Return what a git command prints.

        Raises:
            subprocess.CalledProcessError: git refused.
        """
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
        )
        return done.stdout

    def paths(self, *arguments: str) -> list[str]:
        """Return the paths that a git command lists."""
        return [path for path in self.git(*arguments, "-z").split("\0") if path]

    def refuse_unready(self) -> None:
        """Refuse a checkout that an update could not be told apart in.

        Raises:
            UpdateError: there are no answers, no commits, or uncommitted changes.
        """
        if not (self.root / ANSWERS).exists():
            message = f"there is no {ANSWERS} here, so nothing says which template to update from"
            raise UpdateError(message)
        try:
            dirty = self.git("status", "--porcelain").splitlines()
            self.git("rev-parse", "--verify", "--quiet", "HEAD")
        except (OSError, subprocess.CalledProcessError) as exc:
            message = "the service must be a git repository with at least one commit"
            raise UpdateError(message) from exc
        if dirty:
            message = f"commit or stash what has changed first: {', '.join(dirty[:5]).strip()}"
            raise UpdateError(message)

    def answer(self, name: str) -> str:
        """Return one of Copier's own entries in the answers file.

        Raises:
            UpdateError: the file has no such entry.
        """
        text = (self.root / ANSWERS).read_text(encoding="utf-8")
        if match := re.search(rf"^{name}: ['\"]?(.*?)['\"]?$", text, re.MULTILINE):
            return match[1]
        message = f"{ANSWERS} has no {name}"
        raise UpdateError(message)

    def conflicts(self) -> list[str]:
        """Return the files that the update left unmerged, or with conflict markers in them."""
        unmerged = self.paths("diff", "--name-only", "--diff-filter=U")
        changed = self.paths("ls-files", "--modified", "--others", "--exclude-standard")
        marked = [path for path in changed if MARKER.search(self._text(path))]
        rejects = [path for path in changed if path.endswith(".rej")]
        return sorted({*unmerged, *marked, *rejects})

    def _text(self, path: str) -> str:
        file = self.root / path
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    def removed(self) -> list[str]:
        """Return the committed files that the update took away."""
        return sorted(self.paths("diff", "--name-only", "--diff-filter=D", "HEAD"))

    def edited(self, paths: Iterable[str], pristine: Path) -> list[str]:
        """Return those of the paths whose committed text differs from the template's own."""
        chosen = []
        for path in paths:
            original = pristine / path
            text = original.read_text(encoding="utf-8") if original.is_file() else None
            if self.git("show", f"HEAD:{path}") != text:
                chosen.append(path)
        return chosen


def update(checkout: Checkout, *, to: str = "") -> None:
    """Update a checkout and prove the result.

    Raises:
        UpdateError: the checkout is not ready, or there are conflicts to resolve.
        subprocess.CalledProcessError: Copier, or a proof of the result, failed.
    """
    checkout.refuse_unready()
    source, commit = checkout.answer("_src_path"), checkout.answer("_commit")
    answers = (checkout.root / ANSWERS).read_text(encoding="utf-8")
    # Full context, because three lines can place an edit in the wrong one of two look-alikes.
    options = ["--defaults", "--conflict", "inline", "--context-lines", "9999"]
    copier("update", *options, *(["--vcs-ref", to] if to else []), cwd=checkout.root)
    if removed := checkout.removed():
        with tempfile.TemporaryDirectory() as folder:
            old, data = Path(folder, "old"), Path(folder, "answers.yml")
            data.write_text(answers, encoding="utf-8")
            asked = ["--defaults", "--quiet", "--data-file", str(data), "--vcs-ref", commit]
            copier("copy", *asked, source, str(old), cwd=checkout.root)
            for path in checkout.edited(removed, old):
                print(f"removed by the template though you had edited it: {path}")
                print(f"  to keep it: git checkout HEAD -- '{path}'")
    if conflicts := checkout.conflicts():
        listed = "\n  ".join(conflicts)
        message = f"resolve the conflicts, then run `make lock check test`:\n  {listed}"
        raise UpdateError(message)
    if read_layer(checkout.root / "requirements", "app").wishes:
        # With the environment as it is: the new pins may not install beside the old app.txt.
        subprocess.run([sys.executable, "-m", "scripts.lock"], cwd=checkout.root, check=True)
    make("check", cwd=checkout.root)
    make("test", cwd=checkout.root)
    print("Updated. Review `git diff HEAD`, and commit.")


def copier(command: str, *arguments: str, cwd: Path) -> None:
    """Run the pinned Copier, never with --trust: the template needs no code run for it.

    Raises:
        subprocess.CalledProcessError: Copier failed.
    """
    subprocess.run([sys.executable, "-m", "copier", command, *arguments], cwd=cwd, check=True)


def make(target: str, *, cwd: Path) -> None:
    """Run a target of the updated Makefile, which sets up what the update needs.

    Raises:
        subprocess.CalledProcessError: the target failed.
    """
    subprocess.run(["make", target, "ARGS="], cwd=cwd, check=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="make template-update", description="Bring the newest release of the template."
    )
    parser.add_argument("--to", default="", metavar="TAG", help="a release, by default the newest")
    options = parser.parse_args(arguments)
    try:
        update(Checkout(ROOT), to=options.to)
    except UpdateError as exc:
        print(f"template-update: {exc}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as exc:
        failed = " ".join(map(str, exc.cmd))
        print(f"template-update: `{failed}` failed; what it says is above", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
