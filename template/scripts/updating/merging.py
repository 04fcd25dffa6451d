"""Three-way merge of two renders and the team's commit, in a scratch repository.

    base    the service's release with its answers, unmodified
    theirs  the new release with the same or with changed answers
    ours    the service's last commit

Files that the template moved are first moved in `base` and `ours`. If the team uses another
format, both renders are formatted like that. So neither causes conflicts. Git merges, and finds
the files that the team renamed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.pins import read_layer
from scripts.template_update import ANSWERS, answer, fetch, set_source
from scripts.updating.answers import answers_of, earlier_answers, fits_better, refuse_downgrade
from scripts.updating.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.updating.repository import Entries

__all__ = ["COPY_ONLY", "GENERATED", "SEEDS", "Merge", "merge"]

SEEDS = (
    "src/app/ext/",
    "requirements/app.in",
    "requirements/app.txt",
    "gwkit-edits.toml",
    "exceptions.toml",
    "scripts/standards/own/",
)
"""Written if they are missing, then owned by the team."""

COPY_ONLY = ("data/samples/", "evals/golden.jsonl")
"""Written by the first copy only."""

GENERATED = (".env.example", "docs/configuration.md")
"""Written by `make reference`, so a conflict in them needs no decision."""

_PACKAGE = Path(__file__).resolve().parent


@dataclass
class Merge:
    """A merge in a scratch repository: its trees, moves, renames and conflicts.

    `generated` has the files that `make reference` has to write again.
    """

    scratch: Repository
    old: str
    new: str
    base: Entries
    ours: Entries
    theirs: Entries
    result: Entries = field(default_factory=dict)
    tree: str = ""
    moved: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    stages: str = ""
    seeds: list[str] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)

    def text(self, entries: Entries, path: str) -> str:
        """Return the text of a file in one of the trees, empty if it is missing."""
        return self.scratch.git("cat-file", "blob", entries[path][1]) if path in entries else ""


def merge(service: Path, release: Path, folder: Path) -> Merge:
    """Merge a rendered release with a service's last commit; the service is not touched.

    Args:
        service: The service's folder, in a git checkout.
        release: A render of the new release with the service's answers.
        folder: An empty folder for the renders and the scratch repository.

    Raises:
        UpdateError: The release is older, or the service's own release cannot be rendered.
        GitError: Git failed.
    """
    checkout = Repository(service)
    base, theirs, scratch = folder / "base", folder / "theirs", Repository(folder / "merged")
    old, new = answer(service, "_commit"), answer(release, "_commit")
    refuse_downgrade(old, new)
    prepared = release.with_name("base")  # by the launcher, while it fetched the new release
    if prepared.exists():
        shutil.move(prepared, base)
    else:
        fetch(service, base, "--vcs-ref", old)
    shutil.copytree(release, theirs, ignore=_not_of_a_service)
    # A release from another address does not change the update address of the service.
    set_source(theirs, answer(service, "_src_path"))

    scratch.create(
        checkout.git_path("objects"), checkout.git("rev-parse", "--show-object-format").strip()
    )
    scratch.git("read-tree", checkout.git("rev-parse", "HEAD:./").strip())
    ours = scratch.entries(scratch.git("write-tree").strip())

    base = _follow_answers(service, base, scratch, ours)
    seeds = list(_settle_seeds(base, theirs, ours))
    moved = _follow_moves(base, theirs, scratch, ours)
    scratch.git("checkout-index", "--all", "--force")
    _follow_format(base, theirs, scratch.folder)
    _follow_line_endings(base, theirs, scratch)
    start = scratch.commit(scratch.write_tree(base), old)
    other = scratch.commit(scratch.write_tree(theirs), new, start)
    team = scratch.commit(scratch.git("write-tree").strip(), "The service", start)
    trees = [scratch.entries(commit) for commit in (start, team, other)]
    merged = Merge(scratch, old, new, trees[0], trees[1], trees[2], moved=moved, seeds=seeds)
    listed = scratch.paths("diff-tree", "-r", "-M", "--diff-filter=R", "--name-status", start, team)
    merged.renamed = dict(zip(listed[1::3], listed[2::3], strict=True))
    scratch.git("update-ref", "HEAD", team)
    scratch.git("tag", "--no-sign", f"release-{new}", other)
    scratch.git("merge", "--quiet", "--no-commit", "--no-ff", f"release-{new}", passing=1)
    # Already rendered with the team's answers; merged by lines, it could be invalid.
    scratch.git("checkout", "--quiet", other, "--", ANSWERS)
    _settle_conflicts(merged)
    if not merged.conflicts and read_layer(scratch.folder / "requirements", "app").wishes:
        # In the old environment: the new pins may not install beside the old app.txt.
        lock = [sys.executable, "-m", "scripts.lock"]
        subprocess.run(lock, cwd=scratch.folder, check=True, stdout=subprocess.DEVNULL)
    scratch.git("add", "--all", "--force")
    merged.tree = scratch.git("write-tree").strip()
    merged.result = scratch.entries(merged.tree)
    return merged


def _not_of_a_service(folder: str, names: list[str]) -> list[str]:
    """Exclude this package and the files that its run creates."""
    here = Path(folder)
    return [name for name in names if name in {"__pycache__", ".cache"} or here / name == _PACKAGE]


def _follow_answers(service: Path, base: Path, scratch: Repository, ours: Entries) -> Path:
    """Return the render that the service came from, if its answers were edited since.

    So an answer that was edited in the file has the effect of one given to the update.
    """
    current = answers_of((service / ANSWERS).read_text(encoding="utf-8"))
    text = earlier_answers(Repository(service))
    if not text or answers_of(text) == current:
        return base
    earlier = base.with_name("earlier.yml")
    earlier.write_text(text, encoding="utf-8")
    other = base.with_name("earlier")
    fetch(service, other, "--vcs-ref", answer(service, "_commit"), answers=earlier)
    trees = [scratch.entries(scratch.write_tree(folder)) for folder in (other, base)]
    return other if fits_better(trees[0], trees[1], ours) else base


def _settle_seeds(base: Path, theirs: Path, ours: Entries) -> Iterator[str]:
    """Make the renders equal in the team's files; yield those that the release changed."""
    for render in (base, theirs):
        for path in list(_files(render)):
            if path.startswith(COPY_ONLY):
                (render / path).unlink()
    for path in sorted({*_files(base), *_files(theirs)}):
        if not path.startswith(SEEDS):
            continue
        before, after = base / path, theirs / path
        if before.exists():
            if not after.exists() or before.read_bytes() != after.read_bytes():
                yield path
            after.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(before, after)
        elif path in ours:
            after.unlink()


def _files(folder: Path) -> Iterator[str]:
    return (
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    )


def _follow_moves(base: Path, theirs: Path, scratch: Repository, ours: Entries) -> dict[str, str]:
    """Move files in `base` and `ours` as the template's releases did; return the moves.

    A file whose last place the service does not have is left where it is, as one that is removed.
    """
    places: dict[str, str] = {}
    for release in tomllib.loads((_PACKAGE / "moves.toml").read_text("utf-8")).values():
        for old, new in release.get("moved", {}).items():
            places |= {first: new for first, place in places.items() if place == old}
            places[old] = new
    moved: dict[str, str] = {}
    for old, new in places.items():
        if (base / new).exists() or not ((base / old).exists() and (theirs / new).exists()):
            continue
        (base / new).parent.mkdir(parents=True, exist_ok=True)
        (base / old).rename(base / new)
        moved[old] = new
        if old in ours and new not in ours:
            mode, name = ours.pop(old)
            ours[new] = mode, name
            scratch.git("update-index", "--force-remove", old)
            scratch.git("update-index", "--add", "--cacheinfo", f"{mode},{name},{new}")
    return moved


def _follow_format(base: Path, theirs: Path, ours: Path) -> None:
    """Format both renders like the team, if its format differs from the template's."""
    if _format(base) == _format(ours):
        return
    config = ours / "pyproject.toml"
    for render in (base, theirs):
        command = [sys.executable, "-m", "ruff", "format", "--quiet", "--no-cache", "."]
        subprocess.run([*command, "--config", str(config)], cwd=render, check=False)


def _follow_line_endings(base: Path, theirs: Path, scratch: Repository) -> None:
    """Write CRLF in both renders' versions of a file if the team's version has it."""
    for line in scratch.paths("ls-files", "--eol"):
        about, path = line.split("\t", 1)
        if about.startswith("i/crlf"):
            for file in (base / path, theirs / path):
                if file.is_file() and b"\r" not in (data := file.read_bytes()):
                    file.write_bytes(data.replace(b"\n", b"\r\n"))


def _format(folder: Path) -> object:
    """Return ruff's format settings of a folder."""
    try:
        ruff = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]
    except (OSError, KeyError, ValueError):
        return None
    return [ruff.get(name) for name in ("line-length", "indent-width", "format")]


def _settle_conflicts(merged: Merge) -> None:
    """Resolve the automatic cases: deletions, which the report lists, and generated files."""
    scratch = merged.scratch
    stages: dict[str, set[str]] = {}
    for line in scratch.paths("ls-files", "--unmerged"):
        about, path = line.split("\t", 1)
        stages.setdefault(path, set()).add(about.split()[2])
    for path, present in stages.items():
        if present in ({"1", "2"}, {"1", "3"}) and path not in merged.base:
            # Renamed on one side, deleted on the other: the side that renamed it still wants it.
            scratch.git("add", "--force", "--", path)
        elif present in ({"1", "2"}, {"1", "3"}):
            scratch.git("rm", "--quiet", "--force", "--ignore-unmatch", "--", path)
        elif path in GENERATED and "3" in present:
            scratch.git("checkout", "--quiet", "--theirs", "--", path)
            scratch.git("add", "--force", "--", path)
            merged.generated.append(path)
    unmerged = scratch.git("ls-files", "--unmerged", "-z")
    merged.stages = unmerged
    merged.conflicts = sorted({line.split("\t", 1)[1] for line in unmerged.split("\0") if line})
