"""The page of a drill: what was updated, how long it took, and where there were conflicts."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["page"]


_UPDATER: Final = "the updater"
_HEAD: Final = """\
# Updates, drilled

<!-- Written by `make drill`; do not edit. -->

`make drill` updated {services} services with {edits} edited files to the template of this commit:
every release, several variants, and what teams do to a service between two updates
(`drill/catalogue.toml`). For each, the preview was compared with the outcome, every edit was looked
for, and every other file was compared with the release. `v998.0.0` is the template itself in an
older state, with other lines in most of its files.

{again} services were also updated from the same commit by a command line, with the newest or the
oldest Copier that the template accepts, without trust: the files must be those of the updater,
apart from conflicts and generated files.

**Edits lost: {lost}.** Conflicts are counted by file. The seconds are those of the merge and of
writing the result, without the two renders, on {cores} cores with a load of {load:.0f}.
"""


def page(outcomes: list[Mapping[str, Any]], reasons: list[dict[str, str]]) -> str:
    """Return the Markdown of a drill's outcome."""
    everything, outcomes = outcomes, [o for o in outcomes if o["command"] == _UPDATER]
    edits = sum(outcome["edits"] for outcome in outcomes)
    lost = sum("lost" in fault for outcome in everything for fault in outcome["faults"])
    again = len(everything) - len(outcomes)
    lines = [
        _HEAD.format(
            services=f"{len(outcomes):,}",
            edits=f"{edits:,}",
            lost=lost,
            again=again,
            cores=os.cpu_count(),
            load=os.getloadavg()[2],
        ),
        "## By release",
        "",
        *_table("release", outcomes),
        "",
        "## By what the team did",
        "",
        *_table("life", outcomes),
        "",
        "## By command line",
        "",
        "The seconds of the command lines include the renders.",
        "",
        *_table("command", everything),
        "",
        "## Why there are conflicts",
        "",
        "| from | what the team did | conflicts | why |",
        "|---|---|--:|---|",
    ]
    for reason in reasons:
        having = [
            outcome
            for outcome in outcomes
            if fnmatchcase(outcome["release"], reason["releases"])
            and fnmatchcase(outcome["life"], reason["lives"])
        ]
        count = sum(len(outcome["conflicts"]) for outcome in having)
        lines.append(
            f"| `{reason['releases']}` | {reason['lives']} | {count} | {reason['reason']} |"
        )
    lines += ["", "A conflict anywhere else fails the drill.", ""]
    return "\n".join(lines)


def _table(name: str, outcomes: list[Mapping[str, Any]]) -> Iterable[str]:
    yield f"| {name} | services | edited files | conflicts | per 1,000 edits | median seconds |"
    yield "|---|--:|--:|--:|--:|--:|"
    for value in dict.fromkeys(outcome[name] for outcome in outcomes):
        having = [outcome for outcome in outcomes if outcome[name] == value]
        edits = sum(outcome["edits"] for outcome in having)
        conflicts = sum(len(outcome["conflicts"]) for outcome in having)
        rate = f"{1_000 * conflicts / edits:.1f}" if edits else ""
        seconds = median(outcome["seconds"] for outcome in having)
        yield f"| {value} | {len(having)} | {edits:,} | {conflicts} | {rate} | {seconds:.1f} |"
