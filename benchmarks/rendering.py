"""Rendering.

`copier copy` of the defaults, compared with `copier copy` of a template with as many trivial
files in the same folders. The first comparison uses the same suffix of templates, none, so each
trivial file is rendered, too: the difference is the cost of the questions, the conditions and the
sizes of the files. In the second the trivial files are only copied. All templates are git
repositories with a tag, as teams use them.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import copier

from benchmarks.findings import Aim, Findings, compared
from benchmarks.measure import alternate, seconds
from benchmarks.templates import TRIVIAL, files_of_the_template, release, tag

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Pairs
    from benchmarks.workshop import Bench

__all__ = ["measure"]

_COPIED: Final = b"_subdirectory: template\n"
_REMEDY: Final = (
    "the rest is Copier's work: for each file it renders the path part by part, asks git for the "
    "mode, and compiles the content as a template. Fewer and shorter files help."
)


def measure(bench: Bench) -> Findings:
    """Compare a render with two of trivial files."""
    with bench.scratch() as folder:
        template = release(folder / "template", files_of_the_template())
        rendered = _copy(template, folder / "first")
        names = [str(path.relative_to(rendered)) for path in rendered.rglob("*") if path.is_file()]
        trivial = {
            f"template/{name}": b"trivial\n" for name in names if name != ".copier-answers.yml"
        }
        templates = release(folder / "templates", {"copier.yml": TRIVIAL, **trivial})
        files = release(folder / "files", {"copier.yml": _COPIED, **trivial})

        def timed(source: Path) -> float:
            destination = folder / "rendered"
            taken = seconds(lambda: _copy(source, destination))
            shutil.rmtree(destination)
            return taken

        def pairs(other: Path) -> Pairs:
            return alternate(
                lambda: timed(template),
                lambda: timed(other),
                bench.size(10, 1),
                warm=bench.size(1, 0),
                told=lambda told: bench.say(f"{other.name}, {told}"),
            )

        what = f"`copier copy`, {len(names)} files"
        return Findings(
            [
                compared(
                    what,
                    pairs(templates),
                    "s",
                    other="trivial templates",
                    aim=Aim("<=", 1.3),
                    remedy=_REMEDY,
                ),
                compared(what, pairs(files), "s", other="trivial files, only copied"),
            ]
        )


def _copy(source: Path, destination: Path) -> Path:
    copier.run_copy(str(source), destination, defaults=True, quiet=True, vcs_ref=tag(1))
    return destination
