"""The release and the answers that a service was rendered with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scripts.template_update import ANSWERS, UpdateError
from scripts.updating.repository import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scripts.updating.repository import Entries, Repository

__all__ = ["answers_of", "earlier_answers", "fits_better", "refuse_downgrade"]

_QUESTION = re.compile(r"(\w+): ?(.*)")
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


def answers_of(text: str) -> dict[str, str]:
    """Return the answer of each question in the text of an answers file, as it is written.

    Copier writes a question to a line, and the choices of a list to lines below, each after a
    hyphen; such a list is returned in one line.

    Raises:
        UpdateError: A line has another form, such as a conflict marker.
    """
    found: dict[str, str] = {}
    name = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _QUESTION.fullmatch(line):
            name, found[match[1]] = match.groups()
        elif name and line.startswith((" ", "- ")):
            before = found[name].removesuffix("]")
            found[name] = f"{before}, " if before else "["
            found[name] += f"{line.strip().removeprefix('- ')}]"
        elif line.strip() and not line.startswith(("#", "---")):
            message = f"line {number} of {ANSWERS} has no `question: answer`: {line[:40]}"
            raise UpdateError(message)
    return {name: value for name, value in found.items() if not name.startswith("_")}


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
