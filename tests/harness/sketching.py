"""Renders in a moment: what Copier would write, without its history, its copies and its checks.

Hundreds of variants are looked at this way. That a sketch equals the render is a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pathspec import GitIgnoreSpec

from harness.answers import SPACE, copier_config
from harness.rendering import BINARY_SUFFIXES, files

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Template

    from harness.answers import Answers

__all__ = ["ANSWERS_FILE", "Sketcher"]

ANSWERS_FILE: Final = ".copier-answers.yml"
"""The only file that a sketch lacks: Copier itself fills it in."""

_MARKS: Final = ("# [%", "@{", "[#")


class Sketcher:
    """The files of a template, ready for any answers.

    Args:
        folder: The `template/` of a scratch repository.

    Attributes:
        plain: The files that are the same for all answers, by their paths.
        sources: The texts of all files, with their blocks.
    """

    def __init__(self, folder: Path) -> None:
        self.plain: dict[str, bytes] = {}
        self.sources: dict[str, str] = {}
        self._templated: dict[str, Template] = {}
        for name in files(folder):
            content = (folder / name).read_bytes()
            text = "" if (folder / name).suffix in BINARY_SUFFIXES else content.decode()
            if name == ANSWERS_FILE:
                continue
            self.sources[name] = text
            if any(mark in text for mark in _MARKS):
                self._templated[name] = SPACE.environment.from_string(text)
            else:
                self.plain[name] = content
        patterns = copier_config()["_exclude"]
        assert isinstance(patterns, list)
        self._patterns = [SPACE.environment.from_string(pattern) for pattern in patterns]

    def sketch(self, answers: Answers) -> tuple[set[str], dict[str, str]]:
        """Return the paths of a service, and the text of those files that depend on answers.

        Args:
            answers: An answer to every question.
        """
        context = {**answers, "_copier_operation": "copy"}
        lines = [pattern.render(context) for pattern in self._patterns]
        excluded = GitIgnoreSpec.from_lines([line for line in lines if line])
        names = {*self.plain, *self._templated}
        kept = names - set(excluded.match_files(names))
        texts = {
            name: template.render(context)
            for name, template in self._templated.items()
            if name in kept
        }
        return kept, texts
