"""List what this service may do against the standards, from exceptions.toml.

    python -m scripts.exceptions [--json]

`make check` fails for an entry that is incomplete, unknown or expired, or that none of its rules
needs. The template's `make judge` knows the release, and finds the others that nothing needs.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.findings import Finding
from scripts.practices import PRACTICES
from scripts.standards.own import RULES as OWN
from scripts.standards.project import WHOLE, Project

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Entry", "entries", "main", "uncovered", "wrong_entries"]

FILE = "exceptions.toml"
FIELDS = ("code", "path", "reason", "key", "expires")
JUDGED = tuple(f"ENF{number}" for number in range(1, 9))
WORDS = 5


@dataclass(frozen=True)
class Entry:
    """One exception: what it accepts, why and until when, and what is wrong with it."""

    line: int
    code: str
    path: str
    reason: str
    key: str = ""
    expires: str = ""
    problem: str = ""

    def __str__(self) -> str:
        """Return the entry as a few lines of text."""
        place = f"{self.path} [{self.key}]" if self.key else self.path
        until = self.expires or "it is deleted"
        problem = f"\n    WRONG: {self.problem}" if self.problem else ""
        return f"{self.code} {place}\n    {self.reason}\n    until {until}{problem}\n"

    def covers(self, finding: Finding) -> bool:
        """Return whether it accepts a finding: by the key in its message, otherwise by its code."""
        same = f"[{self.key}]" in finding.message if self.key else self.code == finding.code
        return same and self.path == finding.path and not self.problem


def entries(project: Project) -> Iterator[Entry]:
    """Yield the entries of exceptions.toml.

    Raises:
        ValueError: The file is not valid TOML, or holds other things.
    """
    text = project.text(FILE)
    tables = (loaded := tomllib.loads(text)).pop("exception", [])
    if loaded or not (isinstance(tables, list) and all(isinstance(t, dict) for t in tables)):
        raise ValueError("it holds other things than [[exception]] tables")
    heads = re.finditer(r"^\[\[ *exception *\]\]", text, re.MULTILINE)
    lines = (text.count("\n", 0, head.start()) + 1 for head in heads)
    for line, table in zip(chain(lines, repeat(WHOLE)), tables, strict=False):
        texts = {name: str(table.get(name, "")) for name in FIELDS}
        yield Entry(line, **texts, problem=_problem(table))


def _problem(table: dict[str, object]) -> str:
    """Return the first thing that is wrong with an entry, or an empty text."""
    code, expires = table.get("code"), table.get("expires")
    known = (*JUDGED, *(item.code for item in PRACTICES), *(rule.code for rule in OWN))
    found = [f"`{name}` is no field of an entry" for name in table if name not in FIELDS]
    found += [f"`{name}` is missing" for name in FIELDS[:3] if not table.get(name)]
    if code not in known:
        found.append(f"there is no code {code!r}")
    if len(re.findall(r"\w{2,}", str(table.get("reason")))) < WORDS:
        found.append(f"the reason has fewer than {WORDS} words")
    if expires is not None and type(expires) is not date:
        found.append("`expires` is no date such as 2027-01-31")
    elif isinstance(expires, date) and expires < datetime.now(UTC).date():
        found.append(f"it expired on {expires}")
    return "".join(found[:1])


def wrong_entries(project: Project) -> Iterator[tuple[str, int, str]]:
    """Correct or delete the entry; `make exceptions` lists all of them."""
    try:
        yield from ((FILE, e.line, e.problem) for e in entries(project) if e.problem)
    except ValueError as exc:
        yield FILE, WHOLE, f"the file cannot be read: {exc}"


def uncovered(found: Iterable[Finding], project: Project) -> Iterator[Finding]:
    """Yield the findings that no entry accepts, and the entries that these rules do not need."""
    found = list(found)
    try:
        accepted = [entry for entry in entries(project) if not entry.problem]
    except ValueError:
        accepted = []
    yield from (item for item in found if not any(entry.covers(item) for entry in accepted))
    ours = {rule.code for rule in OWN} | {p.code for p in PRACTICES if "judge" not in p.by}
    for entry in accepted:
        if entry.code in ours and not any(entry.covers(item) for item in found):
            yield Finding(FILE, entry.line, "ENF9", "nothing needs the entry. Delete it.")


def main(arguments: Sequence[str], root: Path) -> int:
    """Print the exceptions of a checkout; return 1 if one is wrong, 2 if the file is."""
    try:
        found = list(entries(Project(root)))
    except ValueError as exc:
        print(f"{FILE} cannot be read: {exc}", file=sys.stderr)
        return 2
    if "--json" in arguments:
        print(json.dumps([asdict(entry) for entry in found], indent=2))
    else:
        print(*found, f"{len(found) or 'no'} exception{'s' * (len(found) != 1)}", sep="\n")
    return int(any(entry.problem for entry in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent.parent))
