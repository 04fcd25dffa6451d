"""A team's edits of a rendered service, in every place that teams edit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

Edit = Callable[[str], str]


def _after(pattern: str, addition: str) -> Edit:
    """Insert lines after the one line that matches."""

    def edit(text: str) -> str:
        found = list(re.finditer(rf"^{pattern}.*\n", text, re.MULTILINE))
        assert len(found) == 1, f"{pattern} matches {len(found)} lines"
        return text[: found[0].end()] + addition + text[found[0].end() :]

    return edit


def _replace(old: str, new: str) -> Edit:
    """Replace the only occurrence of a text."""

    def edit(text: str) -> str:
        assert text.count(old) == 1, f"{old} stands {text.count(old)} times"
        return text.replace(old, new)

    return edit


def _append(addition: str) -> Edit:
    """Add lines at the end."""
    return lambda text: text + addition


# In files that every answer keeps.
EDITS: Final[Mapping[str, tuple[Edit, ...]]] = {
    "README.md": (
        _after("## Start", "\nAsk in the support desk's channel before you deploy.\n"),
        _append("\n## Our runbook\n\nRestart it; then read the log.\n"),
    ),
    "Makefile": (
        _replace("## Run the tests; CI=1", "## Run all the tests; CI=1"),
        _append("\n.PHONY: hello\nhello: ## Say hello\n\t@echo hello\n"),
    ),
    "pyproject.toml": (
        _after(r"ignore = \[", '    "ERA001",  # our examples stand in comments\n'),
        _append("\n[tool.ours]\nchannel = 'support'\n"),
    ),
    "src/app/config/settings.py": (
        _after(
            r'    """Chunks that an answer may draw on',
            '\n    desk: str = Field(default="support", '
            'description="Desk that our routes answer for.")\n',
        ),
    ),
    "src/app/retrieval/retriever.py": (
        _after("__all__ = ", "\n# We read this module first in every review.\n"),
    ),
    # The output of `make reference` for the setting above, like docs/configuration.md below.
    ".env.example": (
        _after(
            "# APP_TOP_K=",
            "\n# Desk that our routes answer for.\n# Text. Default: support.\n# APP_DESK=support\n",
        ),
    ),
    "requirements/app.in": (_append("# Nothing of ours yet.\n"),),
    ".pre-commit-config.yaml": (_append("# Ours go below.\n"),),
    ".gitignore": (_append("\n# Ours\n/exports/\n"),),
}

# In files that an answer removes.
CONDITIONAL_EDITS: Final[Mapping[str, tuple[Edit, ...]]] = {
    ".github/workflows/ci.yml": (_append("# Our runners are our own.\n"),),
    "docs/configuration.md": (
        _after(
            r"\| `APP_TOP_K`",
            "| `APP_DESK` | text | `support` | Desk that our routes answer for. |\n",
        ),
    ),
    "docs/index.md": (_append("\nOur runbook stands in the README.\n"),),
}

NEW_FILES: Final[Mapping[str, str]] = {
    "NOTES.md": "# Notes\n\nWhat we decided, and when.\n",
    "data/ours/desk.md": "# The desk\n\nThe desk opens at nine.\n",
    "src/app/ext/desk.py": '''"""What the desk adds to the service: its opening hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

if TYPE_CHECKING:
    from app.registry import Registry

__all__ = ["opening_hours", "register"]

_router = APIRouter(prefix="/v1/desk", tags=["desk"])


@_router.get("")
async def opening_hours() -> dict[str, str]:
    """Tell when the desk is open."""
    return {"open": "nine to five"}


def register(registry: Registry) -> None:
    """Add the opening hours."""
    registry.routes.add("desk", _router)
''',
    "tests/unit/test_desk.py": '''"""The desk's own extension."""

from __future__ import annotations

from app.ext.desk import opening_hours


async def test_the_desk_says_when_it_is_open() -> None:
    """The hours are those on the door."""
    assert await opening_hours() == {"open": "nine to five"}
''',
}

DELETED: Final = ("data/samples", ".editorconfig")


def make_it_ours(service: Path, *, conditional: bool = True) -> None:
    """Edit a rendered service as a team would: change, add, delete."""
    edits = {**EDITS, **(CONDITIONAL_EDITS if conditional else {})}
    for name, changes in edits.items():
        path = service / name
        text = path.read_text(encoding="utf-8")
        for change in changes:
            text = change(text)
        path.write_text(text, encoding="utf-8")
    for name, text in NEW_FILES.items():
        path = service / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in DELETED:
        path = service / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    golden = service / "evals/golden.jsonl"
    golden.write_text(
        '{"id": "hours", "question": "When does the desk open?", "relevant": {"desk.md": 1}}\n',
        encoding="utf-8",
    )
