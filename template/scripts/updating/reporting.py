"""Report of an update: changes of files, questions, settings and pins."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from scripts.template_update import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.updating.merging import Merge

__all__ = ["Report", "classify", "write_reports"]

Report = dict[str, list[str]]
"""The paths and names of each non-empty class, by the key of `TITLES`."""

TITLES = {
    "conflict": "Conflict: you and the release changed the same lines",
    "deleted": "You deleted it, the release changed it: it stays deleted",
    "retired": "The release removed it, you had edited it: it is removed, and in your last commit",
    "kept": "Yours, and the release has another version: it is unchanged",
    "renamed": "You renamed it: the release's changes follow",
    "moved": "The release moved it: your edits follow",
    "merged": "You and the release changed it: merged",
    "updated": "Updated",
    "new": "New",
    "removed": "Removed",
    "questions": "New questions, with their default answers",
    "settings added": "New settings",
    "settings removed": "Removed settings",
    "pins": "Pins",
}

_COUNTED = ("updated", "new", "removed")
"""Classes that the short report only counts."""

_SETTING = re.compile(r"^#? ?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
_PIN = re.compile(r"^([\w.-]+)(?:\[.*?\])?==([\w.!+]+)", re.MULTILINE)
_ANSWER = re.compile(r"^([a-z]\w*): (.*)$", re.MULTILINE)
_ENTRY = re.compile(r"^## \[(?P<version>\d+\.\d+\.\d+)\]", re.MULTILINE)


def classify(merged: Merge) -> Report:
    """Return the effects of the update, by class."""
    found: Report = {title: [] for title in TITLES}
    renamed = {new: old for old, new in merged.renamed.items()}
    for path in sorted({*merged.base, *merged.theirs}):
        if (kind := _kind(merged, path)) is not None:
            new = merged.renamed.get(path)
            found["renamed" if kind == "deleted" and new else kind].append(
                f"{path} → {new}" if kind == "deleted" and new else path
            )
    found["conflict"] = [_conflict(path, renamed.get(path)) for path in merged.conflicts]
    found["kept"] = sorted({*found["kept"], *merged.seeds})
    found["moved"] = [
        f"{old} → {new}"
        for old, new in merged.moved.items()
        if merged.ours[new] != merged.base.get(new)
    ]
    found |= _beside_files(merged)
    return {kind: names for kind, names in found.items() if names}


def _kind(merged: Merge, path: str) -> str | None:
    """Return the class of a path of the template, if the release changes it."""
    base, theirs = merged.base.get(path), merged.theirs.get(path)
    ours, result = merged.ours.get(path), merged.result.get(path)
    if base == theirs or path in merged.conflicts:
        return None
    if theirs is None:
        return {None: None, base: "removed"}.get(ours, "retired")
    if ours is None:
        return "new" if base is None else "deleted"
    if ours == base:
        return "updated"
    return None if ours == theirs else "kept" if result == ours else "merged"


def _conflict(path: str, old: str | None) -> str:
    return f"{path} (you renamed {old})" if old else path


def _beside_files(merged: Merge) -> Report:
    before, after = (_facts(merged, entries) for entries in (merged.base, merged.theirs))
    old_pins, new_pins = before["pins"], after["pins"]
    pins = sorted(
        name for name in {*old_pins, *new_pins} if old_pins.get(name) != new_pins.get(name)
    )
    return {
        "questions": [
            f"{name}: {value}"
            for name, value in after["answers"].items()
            if name not in before["answers"]
        ],
        "settings added": [name for name in after["settings"] if name not in before["settings"]],
        "settings removed": [name for name in before["settings"] if name not in after["settings"]],
        "pins": [
            f"{name} {old_pins.get(name, 'new')} → {new_pins.get(name, 'gone')}" for name in pins
        ],
    }


def _facts(merged: Merge, entries: dict[str, tuple[str, str]]) -> dict[str, dict[str, str]]:
    pins = "".join(
        merged.text(entries, path)
        for path in sorted(entries)
        if re.fullmatch(r"requirements/(base|dev|docs)\.txt", path)
    )
    return {
        "pins": dict(_PIN.findall(pins)),
        "settings": dict.fromkeys(_SETTING.findall(merged.text(entries, ".env.example")), ""),
        "answers": dict(_ANSWER.findall(merged.text(entries, ANSWERS))),
    }


def write_reports(merged: Merge, release: Path) -> str:
    """Write report.json and report.md beside the fetched release; return the short report.

    Args:
        merged: The merge.
        release: The folder of the fetched release.
    """
    report = classify(merged)
    changes = "\n".join(
        _changes(merged.old, (release / "scripts/updating/changelog.md").read_text("utf-8"))
    )
    page = release.with_name("report.md")
    page.write_text(f"{_markdown(merged, report)}{changes}\n", encoding="utf-8")
    facts = {"from": merged.old, "to": merged.new, **report}
    release.with_name("report.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
    short = {kind: names for kind, names in report.items() if kind not in _COUNTED}
    counts = ", ".join(f"{len(report[kind])} {kind}" for kind in _COUNTED if kind in report)
    return f"{_markdown(merged, short)}{counts or 'nothing else'}; with the changelog: {page}"


def _markdown(merged: Merge, report: Report) -> str:
    lines = [f"# Update from {merged.old} to {merged.new}", ""]
    for kind, names in report.items():
        lines += [f"## {TITLES[kind]} ({len(names)})", "", *(f"- {name}" for name in names), ""]
    return "\n".join(lines) + "\n"


def _changes(old: str, changelog: str) -> Iterator[str]:
    """Yield the lines of the template's changelog that are newer than a release."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", old)
    entries = list(_ENTRY.finditer(changelog))
    if found is None or not entries:
        return
    since = tuple(map(int, found.groups()))
    end = next(
        (each.start() for each in entries if tuple(map(int, each["version"].split("."))) <= since),
        len(changelog),
    )
    start = re.search(r"^## ", changelog, re.MULTILINE)
    if start and start.start() < end:
        yield "## Changelog of the template"
        yield ""
        yield re.sub(r"^##", "###", changelog[start.start() : end].rstrip(), flags=re.MULTILINE)
