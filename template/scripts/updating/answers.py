"""The release and the answers that a service was rendered with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped]  # Copier needs it, and its stubs would be one more pin

from scripts.template_update import ANSWERS, UpdateError
from scripts.updating.repository import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scripts.updating.repository import Entries, Repository

__all__ = ["answers_of", "earlier_answers", "fits_better", "refuse_downgrade", "shown"]

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-(\d+)-g[0-9a-f]+)?")
"""A release, or the output of `git describe` for a commit after it."""


def refuse_downgrade(old: str, new: str) -> None:
    """Reject an update to an older release; commits without a version are not compared.

    Raises:
        UpdateError: The new release is older.
    """
    before, after = _VERSION.fullmatch(old), _VERSION.fullmatch(new)
    if before and after and _order(before) > _order(after):
        message = (
            f"the service has {old}, and {new} is older: an update does not go back; "
            "`git revert` of the update's commit does"
        )
        raise UpdateError(message)


def _order(version: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part or 0) for part in version.groups())


def answers_of(text: str) -> dict[str, object]:
    """Return the questions and answers of the text of an answers file.

    Raises:
        UpdateError: The text is not a YAML mapping.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        reason = str(exc).splitlines()[-1].strip()
        raise UpdateError(f"{ANSWERS} is not valid YAML: {reason}") from exc
    if not isinstance(found, dict):
        raise UpdateError(f"{ANSWERS} has no `question: answer` lines")
    return {str(name): value for name, value in found.items() if not str(name).startswith("_")}


def shown(answer: object) -> str:
    """Return an answer as the answers file has it."""
    text: str = yaml.safe_dump(answer, default_flow_style=True, allow_unicode=True, width=1000)
    return text.removesuffix("...\n").strip()


def earlier_answers(checkout: Repository) -> str:
    """Return the answers file of the commit that made the service or last updated it.

    It is empty where the history does not have that commit, as in a shallow clone.
    """
    try:
        query = ("log", "-1", "--format=%H", "-G^_commit:", "--", ANSWERS)
        commit = checkout.git(*query).strip()
        return checkout.git("show", f"{commit}:./{ANSWERS}") if commit else ""
    except GitError:
        return ""


def fits_better(
    earlier: Mapping[str, tuple[str, str]], current: Mapping[str, tuple[str, str]], ours: Entries
) -> bool:
    """Return whether a service has more files of one render than of the other.

    Args:
        earlier: The render with the answers of the last update.
        current: The render with the answers of now.
        ours: The service.
    """
    paths = {*earlier, *current} - {ANSWERS}
    differing = [path for path in paths if earlier.get(path) != current.get(path)]
    of_earlier = sum(ours.get(path) == earlier.get(path) for path in differing)
    return of_earlier > sum(ours.get(path) == current.get(path) for path in differing)
