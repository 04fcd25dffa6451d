"""Fetch a release of the template and let its updater update this service.

make template-preview              report what the newest release would change
make template-update               merge the newest release
make template-update TO=v1.2.3     merge a certain release
make template-update ANSWERS="docs=false container=false"
make template-update ABORT=1       restore the state before an update
make template-source URL=…         change the address of the template
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ANSWERS", "UpdateError", "answer", "fetch", "main", "set_source"]

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = ".copier-answers.yml"
UPDATER = "--exclude=!/scripts/updating"  # a service does not have it, an update does


class UpdateError(Exception):
    """The template cannot be fetched; the message has the reason."""


def answer(root: Path, name: str) -> str:
    """Return one of Copier's own entries from the answers file of a service.

    Raises:
        UpdateError: There is no such file, or no such entry in it.
    """
    file = root / ANSWERS
    text = file.read_text("utf-8") if file.exists() else ""
    if match := re.search(rf"^{name}: ['\"]?(.*?)['\"]?$", text, re.MULTILINE):
        return match[1]
    raise UpdateError(f"{file} is missing, or has no {name}")


def fetch(
    root: Path,
    folder: Path,
    *options: str,
    source: str = "",
    answers: Path | None = None,
    changes: Mapping[str, str] | None = None,
) -> None:
    """Render the template with a service's answers to a folder, without running any of its code.

    Args:
        root: The service.
        folder: The destination; existing files are overwritten.
        options: Further options of `copier copy`. Without `--vcs-ref` it takes the newest release.
        source: Address of the template, by default the one that the service came from.
        answers: A file of answers, by default those of the service.
        changes: Changed answers for a release that is newer than the others: those of the others
            that it no longer has take its defaults, which may depend on them. Without changes
            they are refused.

    Raises:
        UpdateError: The answers name no template, Copier cannot render it, or it does not ask for
            a changed answer.
    """
    source = source or answer(root, "_src_path")
    given = ["--data-file", str(answers or root / ANSWERS)]
    if changes is not None:
        folder.mkdir(parents=True)
        shutil.copy(root / ANSWERS, folder)
        given = [part for name in changes for part in ("--data", f"{name}={changes[name]}")]
    command = [
        *(sys.executable, "-m", "copier", "copy", "--defaults", "--quiet", "--overwrite"),
        *(*given, *options, source, str(folder)),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=root)
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)  # nobody takes a part for the whole
        reason = [done.stderr.strip(), *re.findall("(?:fatal|Error): (.+)", done.stderr)][-1]
        moved = "if the template has moved: make template-source URL=…"
        raise UpdateError(f"cannot fetch the template from {source}: {reason} ({moved})")
    for name in changes or ():
        if not re.search(rf"(?m)^{re.escape(name)}:", (folder / ANSWERS).read_text("utf-8")):
            raise UpdateError(f"the release has no question {name}, or not with the other answers")


def set_source(root: Path, url: str) -> None:
    """Record another address of the template in a service's answers."""
    file = root / ANSWERS
    old = file.read_text("utf-8")
    file.write_text(re.sub(r"(?m)^_src_path: .*$", lambda _: f"_src_path: {url}", old), "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the release and run its updater with all other options; return the exit code."""
    parser = argparse.ArgumentParser(prog="make template-update", description=__doc__)
    parser.add_argument("--to", default="", metavar="TAG", help="a release, by default the newest")
    parser.add_argument("--answers", default="", metavar="QUESTION=ANSWER…", help="new answers")
    parser.add_argument("--set-source", default="", metavar="URL", help="new template address")
    parser.add_argument("--service", type=Path, default=ROOT, help="the service's folder")
    parser.add_argument("--source", default="", help="another address of the template")
    options, others = parser.parse_known_args(arguments)
    root = options.service.resolve()
    release, base = (root / ".cache/template-update" / name for name in ("release", "base"))
    try:
        if options.set_source:
            set_source(root, options.set_source)
            return 0
        if "--abort" not in others or not (release / "scripts/updating").exists():
            shutil.rmtree(release.parent, ignore_errors=True)
            given = dict(each.partition("=")[::2] for each in shlex.split(options.answers))
            chosen = ["--vcs-ref", options.to] if options.to else []
            with ThreadPoolExecutor() as pool:
                # If this fails, the updater fetches it again, and reports why.
                pool.submit(fetch, root, base, "--vcs-ref", answer(root, "_commit"))
                fetch(root, release, UPDATER, *chosen, source=options.source, changes=given)
    except UpdateError as exc:
        print(f"template-update: {exc}", file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "scripts.updating", *others, str(root)]
    return subprocess.run(command, check=False, cwd=release).returncode


if __name__ == "__main__":
    sys.exit(main())
