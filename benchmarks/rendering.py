"""Rendering.

`copier copy` of the defaults, compared with `copier copy` of a template with as many trivial
files in the same folders. The first comparison uses the same suffix of templates, none, so each
trivial file is rendered, too: the difference is the cost of the questions, the conditions and the
sizes of the files. In the second the trivial files are only copied. All templates are git
repositories with a tag, as teams use them.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import copier

from benchmarks.findings import Aim, Findings, compared
from benchmarks.measure import alternate, seconds
from benchmarks.workshop import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Pairs
    from benchmarks.workshop import Bench

__all__ = ["measure"]

_TEMPLATE: Final = ("copier.yml", "includes", "template")
_COPIED: Final = b"_subdirectory: template\n"
_RENDERED: Final = b'_templates_suffix: ""\n'
_REMEDY: Final = "the rest is Copier's work: for each file it renders the path part by part, "
"asks git for the mode, and compiles the content as a template. Fewer and shorter files help."


def measure(bench: Bench) -> Findings:
    """Compare a render with two of trivial files."""
    with bench.scratch() as folder:
        template = _repository(folder / "template", _files_of_the_template())
        rendered = _copy(template, folder / "first")
        names = [str(path.relative_to(rendered)) for path in rendered.rglob("*") if path.is_file()]
        trivial = {
            f"template/{name}": b"trivial\n" for name in names if name != ".copier-answers.yml"
        }
        templates = _repository(
            folder / "templates", {"copier.yml": _COPIED + _RENDERED, **trivial}
        )
        files = _repository(folder / "files", {"copier.yml": _COPIED, **trivial})

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
    copier.run_copy(str(source), destination, defaults=True, quiet=True, vcs_ref="v0.0.1")
    return destination


def _files_of_the_template() -> dict[str, bytes]:
    """Return what git tracks of the template, or would track."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *_TEMPLATE)
    paths = {name: ROOT / name for name in filter(None, listed.split("\0"))}
    return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}


def _repository(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    as_anybody = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    for command in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "Release"),
        ("tag", "v0.0.1"),
    ):
        subprocess.run(["git", *as_anybody, *command], cwd=folder, check=True)
    return folder
