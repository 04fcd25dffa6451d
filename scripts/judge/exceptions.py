"""A service's exceptions.toml: which findings it accepts, why, and until when."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from scripts.judge.checkout import git
from scripts.judge.finding import Finding, JudgeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scripts.judge.checkout import Checkout

__all__ = ["EXCEPTIONS", "Entry", "entries", "own_codes", "sift"]

EXCEPTIONS: Final = "exceptions.toml"
WORDS: Final = 5
FIELDS: Final = frozenset({"code", "path", "key", "reason", "expires"})
OWN_RULES: Final = "scripts/standards/own/"
HEADING: Final = re.compile(r"^\[\[exception\]\]", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """One `[[exception]]`; `since` is the day when git has seen it first."""

    line: int
    code: str
    path: str
    key: str
    reason: str
    expires: date | None = None
    since: date | None = None
    problem: str = ""

    def __str__(self) -> str:
        """Return what is accepted, why, since when and until when, in one line."""
        key = f" [{self.key}]" if self.key else ""
        days = [f"since {self.since}"] if self.since else []
        days += [f"until {self.expires}"] if self.expires else []
        told = f" ({', '.join(days)})" if days else ""
        return f"{self.path}: {self.code}{key} {self.reason}{told}"

    def covers(self, finding: Finding) -> bool:
        """Say whether the entry is about a finding."""
        return (self.code, self.path, self.key) == (finding.code, finding.path, finding.key)


def entries(service: Checkout) -> list[Entry]:
    """Return the entries of a service, none where it has no file.

    Raises:
        JudgeError: The file is not as documented.
    """
    text = service.text(EXCEPTIONS)
    try:
        loaded = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise JudgeError(f"{EXCEPTIONS} is not valid TOML: {exc}") from exc
    tables = loaded.pop("exception", [])
    if loaded or not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise JudgeError(f"{EXCEPTIONS} holds other things than [[exception]] tables")
    lines = [text.count("\n", 0, match.start()) + 1 for match in HEADING.finditer(text)]
    lines += [1] * (len(tables) - len(lines))
    days = _days(service) if tables else {}
    return [_entry(line, table, days.get(line)) for line, table in zip(lines, tables, strict=False)]


def _entry(line: int, table: dict[str, Any], since: date | None) -> Entry:
    texts = {name: str(table.get(name, "")) for name in ("code", "path", "key", "reason")}
    expires = table.get("expires")
    problem = ""
    if unknown := sorted(table.keys() - FIELDS):
        problem = f"the entry has {', '.join(unknown)}, which means nothing"
    elif missing := [name for name in ("code", "path", "reason") if not texts[name]]:
        problem = f"the entry has no {', '.join(missing)}"
    elif len(re.findall(r"\w{2,}", texts["reason"])) < WORDS:
        problem = f"the reason is no sentence of {WORDS} words"
    elif expires is not None and type(expires) is not date:
        problem = "`expires` is no date such as 2027-01-31"
    day = expires if type(expires) is date else None
    return Entry(line, **texts, expires=day, since=since, problem=problem)


def _days(service: Checkout) -> dict[int, date]:
    """Return when each line of the file was committed, nothing where git does not know."""
    try:
        # Of the commit: for the file of the working tree git would run the filters that are set.
        shown = ("--line-porcelain", "--no-textconv", "HEAD", "--", EXCEPTIONS)
        blame = git(service.root, "blame", *shown)
    except JudgeError:
        return {}
    found = re.findall(r"^committer-time (\d+)$", blame, re.MULTILINE)
    return {n: datetime.fromtimestamp(int(s), UTC).date() for n, s in enumerate(found, 1)}


def own_codes(service: Checkout) -> frozenset[str]:
    """Return the codes of the team's own rules, which the judge does not run."""
    texts = [service.text(path) for path in service.paths if path.startswith(OWN_RULES)]
    return frozenset(re.findall(r"[\"']([A-Z]{3}\d)[\"']", "\n".join(texts)))


def sift(
    findings: Sequence[Finding],
    accepted: Sequence[Entry],
    today: date,
    others: frozenset[str] = frozenset(),
) -> Iterator[Finding]:
    """Yield the findings that no entry covers, and the entries that cover nothing any more.

    Args:
        findings: What the judge found.
        accepted: The entries.
        today: The day on which they must not have expired.
        others: Codes of findings that the judge does not look for.
    """
    used = set[Entry]()
    for finding in findings:
        covering = [entry for entry in accepted if entry.covers(finding)]
        used.update(covering)
        if not any(not e.problem and (e.expires is None or today <= e.expires) for e in covering):
            yield finding
    for entry in accepted:
        problem = entry.problem
        if not problem and entry not in used and entry.code not in others:
            problem = "nothing needs the entry (any more)"
        elif not problem and entry.expires and entry.expires < today:
            problem = f"the entry expired on {entry.expires}"
        if problem:
            key = " ".join(filter(None, (entry.code, entry.path, entry.key)))
            yield Finding(EXCEPTIONS, entry.line, "ENF9", problem, key)
