"""Releases of the template, and what each renders for a service's answers.

A render by Copier takes seconds. So it is cached by release and choices, and only the files that
hold free texts, such as the service's name, are rendered for each service, by the same engine.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from pathspec import GitIgnoreSpec

from scripts.judge.checkout import ANSWERS, Checkout, git
from scripts.judge.finding import JudgeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Release", "Template", "find_release"]

_SOURCES: Final = ("copier.yml", "includes", "template")
_COPY_ONLY: Final = re.compile(r"'(/\S+)' if _copier_operation == 'update'")
_VALUE: Final = b"@{"
_BINARY: Final = (".docx", ".ico", ".pdf", ".png")


@dataclass(frozen=True)
class Template:
    """The template's repository, and a folder for what is rendered from it."""

    root: Path
    cache: Path


@cache
def find_release(template: Template, ref: str) -> Release:
    """Return the release that a tag or commit names.

    Raises:
        JudgeError: The history of the template does not have it.
    """
    if not ref:
        raise JudgeError("the answers name no release")
    try:
        commit = git(
            template.root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}"
        )
    except JudgeError as exc:
        raise JudgeError(f"the template has no release {ref!r}") from exc
    commit = commit.strip().splitlines()[-1]
    # A pull request's commits are in the repository, too, but they are not approved.
    if git(template.root, "rev-list", "-1", commit, "--not", "HEAD", "--tags").strip():
        raise JudgeError(f"{ref!r} is not in the history of the template")
    return Release(template, ref, commit)


@dataclass(frozen=True)
class Release:
    """One state of the template."""

    template: Template
    name: str
    commit: str

    @cached_property
    def behind(self) -> int:
        """How many tagged releases are not part of this one."""
        listed = git(self.template.root, "tag", "--list", "v*", "--no-merged", self.commit)
        return len(listed.splitlines())

    @cached_property
    def _source(self) -> Path:
        def write(folder: Path) -> None:
            archive = self.template.cache / f"{folder.name}.tar"
            git(self.template.root, "archive", f"--output={archive}", self.commit, *_SOURCES)
            with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as packed:
                packed.extractall(folder, filter="data")
            archive.unlink()

        return _cached(self.template.cache / self.commit / "source", write)

    @cached_property
    def _config(self) -> dict[str, Any]:
        return Checkout(self._source).yaml("copier.yml")

    @cached_property
    def teams_own(self) -> GitIgnoreSpec:
        """Paths that an update leaves alone: seeds, and files that only a copy writes."""
        copied = [m[1] for p in self._config.get("_exclude", ()) if (m := _COPY_ONLY.search(p))]
        return GitIgnoreSpec.from_lines([*self._config.get("_skip_if_exists", ()), *copied])

    def render(self, answers: Mapping[str, Any]) -> Checkout:
        """Return what this release renders for these answers.

        Raises:
            JudgeError: Copier refuses an answer.
        """
        questions = {n: q for n, q in self._config.items() if not n.startswith("_")}
        given = {name: answers[name] for name in questions if name in answers}
        texts = {n for n, q in questions.items() if q["type"] == "str" and not q.get("choices")}
        choices = {name: value for name, value in given.items() if name not in texts}
        shape = self._rendered("shape", choices)
        if given.keys() != questions.keys():
            # Copier knows what an answer is that was not asked for.
            return Checkout(self._rendered("whole", given))
        return Checkout(shape, over=self._texts(given, shape))

    @cached_property
    def _with_values(self) -> list[str]:
        """The files that hold a value of an answer; Copier's own has more, and is not compared."""
        top = self._source / "template"
        files = (path for path in top.rglob("*") if path.is_file())
        found = {path.relative_to(top).as_posix() for path in files if _VALUE in path.read_bytes()}
        return sorted(name for name in found - {ANSWERS} if not name.endswith(_BINARY))

    @cached_property
    def _engine(self) -> SandboxedEnvironment:
        """The engine as Copier sets it up."""
        return SandboxedEnvironment(
            loader=FileSystemLoader([self._source / "template", self._source]),
            extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
            **{**self._config.get("_envops", {}), "undefined": StrictUndefined},
        )

    def _texts(self, answers: Mapping[str, Any], shape: Path) -> Path:
        def write(folder: Path) -> None:
            for name in self._with_values:
                if (shape / name).is_file():
                    text = self._engine.get_template(name).render(answers)
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_text(text, encoding="utf-8", newline="")

        return _cached(self._place("texts", answers), write)

    def _place(self, kind: str, answers: Mapping[str, Any]) -> Path:
        text = json.dumps(answers, sort_keys=True, default=str)
        name = f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
        return self.template.cache / self.commit / name

    def _rendered(self, kind: str, answers: Mapping[str, Any]) -> Path:
        def write(folder: Path) -> None:
            # It takes a second, and what is cached needs no render.
            import copier  # noqa: PLC0415 - see above
            from copier.errors import CopierError  # noqa: PLC0415 - see above

            try:
                # No release needs trust, so nothing of the template is run, either.
                copier.run_copy(
                    str(self._source),
                    folder,
                    data=dict(answers),
                    defaults=True,
                    overwrite=True,
                    quiet=True,
                )
            # Copier reports a refused answer as a ValueError.
            except (CopierError, ValueError) as exc:
                raise JudgeError(f"{self.name} refuses the answers: {exc}") from exc

        return _cached(self._place(kind, answers), write)


def _cached(folder: Path, write: Callable[[Path], None]) -> Path:
    """Return a folder that is written once; processes may do so at the same time."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            write(made)
            made.replace(folder)
        except OSError:
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return folder
