"""Updates.

A committed service of the defaults is updated to a release that changes the pages of its
documentation and the modules of its kit, by the command of `make template-update` without the
checks and tests, which a team would run after any other update, too. It is compared with `copier
update` of a project with as many trivial files, of which as many change. Both include the renders
of the two releases. How often updates have conflicts is [on another page](updates.md).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import copier

from benchmarks.findings import Aim, Findings, compared
from benchmarks.measure import alternate, seconds
from benchmarks.templates import TRIVIAL, files_of_the_template, release, tag
from benchmarks.workshop import run

if TYPE_CHECKING:
    from benchmarks.workshop import Bench

__all__ = ["measure"]

_ANSWERS: Final = ".copier-answers.yml"
_RECORDED: Final = b"{{ _copier_answers | to_nice_yaml }}"
_CHANGED: Final = ("template/docs/", "template/src/gwkit/")
_OLDER: Final = {".md": b"\n<!-- As it was. -->\n", ".py": b"\n# As it was.\n"}
_REMEDY: Final = "what is left is Copier's two renders, for the most part: see *Rendering*."


def measure(bench: Bench) -> Findings:
    """Compare an update with one of trivial files."""
    with bench.scratch() as folder:
        ours = _two_releases(folder / "template", files_of_the_template())
        service = _service(ours, folder / "service")
        names = run("git", "ls-files", cwd=service).splitlines()
        trivial = {f"template/{name}": b"trivial\n" for name in names}
        recorded = {"copier.yml": TRIVIAL, f"template/{_ANSWERS}": _RECORDED}
        theirs = _two_releases(folder / "trivial", trivial | recorded)
        other = _service(theirs, folder / "other")

        def updated(service: Path, *command: str | Path) -> float:
            taken = seconds(lambda: run(sys.executable, *command, cwd=service))
            run("git", "add", "--all", cwd=service)
            listed = run("git", "diff", "--name-only", "HEAD", cwd=service).splitlines()
            changes.add(len(listed))
            run("git", "reset", "--quiet", "--hard", cwd=service)
            return taken

        changes: set[int] = set()
        launcher = service / "scripts/template_update.py"
        pairs = alternate(
            lambda: updated(service, launcher, "--no-proof"),
            lambda: updated(other, "-m", "copier", "update", "--defaults", "--quiet"),
            bench.size(10, 1),
            warm=bench.size(1, 0),
            told=bench.say,
        )
        assert len(changes) == 1, f"the sides differ in the files that they change: {changes}"
        what = f"update of {len(names)} files, {changes.pop()} of them changed"
        return Findings(
            [
                compared(
                    what,
                    pairs,
                    "s",
                    other="`copier update`, trivial files",
                    aim=Aim("<=", 1.5),
                    remedy=_REMEDY,
                )
            ]
        )


def _two_releases(folder: Path, files: dict[str, bytes]) -> Path:
    """Return a template whose second release has the files, and whose first has older ones."""
    older = {
        name: text + _OLDER[Path(name).suffix]
        for name, text in files.items()
        if name.startswith(_CHANGED) and Path(name).suffix in _OLDER
    }
    release(folder, files | older)
    return release(folder, files, 2)


def _service(template: Path, folder: Path) -> Path:
    """Return a committed service of the first release."""
    copier.run_copy(str(template), folder, defaults=True, quiet=True, vcs_ref=tag(1))
    return release(folder, {})
