"""The verdict on one service."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from scripts.judge.build import loose_installs, loose_pins, weakened_targets
from scripts.judge.checkout import ANSWERS, Checkout, git
from scripts.judge.comments import hidden_configuration, inline_suppressions, unwanted_files
from scripts.judge.exceptions import Entry, entries, own_codes, sift
from scripts.judge.finding import Finding, JudgeError
from scripts.judge.forms.table import second_forms
from scripts.judge.pipelines import weakened_hooks, weakened_workflows
from scripts.judge.release import find_release
from scripts.judge.rules import broken_rules
from scripts.judge.suite import weakened_suite
from scripts.judge.tables import weakened_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.judge.release import Template

__all__ = ["Verdict", "judge"]

# STR5 compares the other files of the kit with this one.
BYTE_FOR_BYTE: Final = ("scripts/", "src/gwkit/MANIFEST")
COMPARISONS: Final = (
    *(weakened_tables, weakened_hooks, weakened_workflows, weakened_targets, loose_pins),
    *(loose_installs, inline_suppressions, hidden_configuration, unwanted_files, second_forms),
    weakened_suite,
)


@dataclass(frozen=True)
class Verdict:
    """One service: its release, findings, exceptions and drift, or why it cannot be judged."""

    service: str
    day: date
    release: str = ""
    judged_at: str = ""
    behind: int = 0
    updated: str = ""
    findings: tuple[Finding, ...] = ()
    exceptions: tuple[Entry, ...] = ()
    drift: tuple[str, ...] = ()
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the verdict in types that JSON knows; dates in ISO 8601."""
        return asdict(self)


def judge(root: Path, template: Template, *, at: str = "", today: date | None = None) -> Verdict:
    """Judge a service by the release that it names, or that the organisation sets.

    Args:
        root: The service's checkout.
        template: The template's repository.
        at: A tag or commit of the template instead of the one in the answers.
        today: The day for which exceptions are looked at.
    """
    service, day = Checkout(root), today or datetime.now(UTC).date()
    try:
        named = str(service.answers.get("_commit") or "")
        own = find_release(template, named)
        judged = find_release(template, at) if at else own
        release = judged.render(service.answers)
        differing = [p for p in sorted(release.paths) if not service.equals(release, p)]
        changed = {*differing, *(service.paths - release.paths)}
        teams_own = {*judged.teams_own.match_files(differing), ANSWERS}
        owned = [path for path in differing if path not in teams_own]
        found = list(_edited(owned, service))
        for comparison in COMPARISONS:
            found += comparison(release, service)
        found += broken_rules(release, service, changed)
        accepted = entries(service)
        findings = sift(sorted(set(found)), accepted, day, own_codes(service))
        return Verdict(
            root.resolve().name,
            day,
            release=named,
            judged_at=at or named,
            behind=own.behind,
            updated=_updated(service),
            findings=tuple(sorted(findings)),
            exceptions=tuple(accepted),
            drift=tuple(owned),
        )
    except Exception as exc:  # noqa: BLE001 - a repository can be broken in any way, and that is said
        kind = "" if isinstance(exc, JudgeError) else f"{type(exc).__name__}: "
        return Verdict(root.resolve().name, day, problem=f"{kind}{exc}")


def _edited(owned: list[str], service: Checkout) -> Iterator[Finding]:
    for path in owned:
        if path.startswith(BYTE_FOR_BYTE):
            word = "was edited" if path in service.paths else "is gone"
            yield Finding(path, 1, "ENF2", f"the file {word}")


def _updated(service: Checkout) -> str:
    """Return the day of the last update of the template, or nothing without git."""
    try:
        return git(service.root, "log", "-1", "--format=%cs", "--", ANSWERS).strip()
    except JudgeError:
        return ""
