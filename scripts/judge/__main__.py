"""Judge services by the template's releases: `make judge`, `make drift` and `make fleet`.

The code of a service is read and parsed, never run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scripts.judge.finding import CODES, counted
from scripts.judge.fleet import checkouts, judge_all, page, table
from scripts.judge.release import Template
from scripts.judge.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.judge.finding import Finding
    from scripts.judge.verdict import Verdict

__all__ = ["main"]

ROOT: Final = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 where something is found, 2 where it cannot be judged."""
    options = _parser().parse_args(argv)
    template = Template(options.template.resolve(), options.cache.resolve())
    if options.command == "fleet":
        return _fleet(options, template)
    verdict = judge(options.repo[0], template, at=options.at)
    if options.json:
        print(json.dumps(verdict.as_json(), indent=2, default=str))
    elif verdict.problem:
        print(f"{options.repo[0]}: {verdict.problem}", file=sys.stderr)
    elif options.command == "drift":
        print(_drift(verdict))
    else:
        print(_report(verdict))
    if verdict.problem:
        return 2
    if options.command == "drift":
        strict = verdict.drift or verdict.exceptions or verdict.behind
        return int(bool(options.strict and strict))
    return int(bool(verdict.findings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.judge", description=__doc__)
    parser.add_argument("command", choices=["judge", "drift", "fleet"])
    parser.add_argument("repo", type=Path, nargs="+", help="a checkout; of a fleet also folders")
    parser.add_argument("--at", default="", help="a release instead of the one that it names")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--strict", action="store_true", help="drift: exit 1 where there is some")
    parser.add_argument("--html", type=Path, help="fleet: write a page to this file, too")
    parser.add_argument("--template", type=Path, default=ROOT, help="the template's repository")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache/judge", help="for renders")
    return parser


def _report(verdict: Verdict) -> str:
    """Return the findings with what their codes ask, then the exceptions."""
    lines = [str(finding) for finding in verdict.findings]
    codes = {finding.code for finding in verdict.findings}
    lines += ["", *(f"{code}: {text}" for code, text in CODES.items() if code in codes)]
    if os.environ.get("GITHUB_ACTIONS") == "true":
        lines += [_annotation(finding) for finding in verdict.findings]
    lines += [f"exception  {entry}" for entry in verdict.exceptions]
    lines.append(
        f"{verdict.service}, {verdict.release}, judged by {verdict.judged_at}: "
        f"{counted(len(verdict.findings), 'finding')}, "
        f"{counted(len(verdict.exceptions), 'exception')}"
    )
    return "\n".join(lines).strip()


def _annotation(finding: Finding) -> str:
    """Return a finding as a workflow command; a path or text must not become another one."""

    def escaped(text: str, more: str = "") -> str:
        for character in "%\r\n" + more:
            text = text.replace(character, f"%{ord(character):02X}")
        return text

    place = f"file={escaped(finding.path, ':,')},line={finding.line},title={finding.code}"
    return f"::error {place}::{escaped(finding.message)}"


def _drift(verdict: Verdict) -> str:
    lines = [f"differs    {path}" for path in verdict.drift]
    lines += [f"exception  {entry}" for entry in verdict.exceptions]
    lines.append(
        f"{verdict.service}, {verdict.release}: "
        f"{counted(len(verdict.drift), 'owned file')} changed, "
        f"{counted(len(verdict.exceptions), 'exception')}, "
        f"{counted(verdict.behind, 'release')} behind"
    )
    return "\n".join(lines)


def _fleet(options: argparse.Namespace, template: Template) -> int:
    verdicts = judge_all(checkouts(options.repo), template, at=options.at)
    if options.html:
        options.html.parent.mkdir(parents=True, exist_ok=True)
        options.html.write_text(page(verdicts), encoding="utf-8")
    if options.json:
        print(json.dumps([each.as_json() for each in verdicts], indent=2, default=str))
    else:
        print(table(verdicts))
    return int(any(each.findings or each.problem for each in verdicts))


if __name__ == "__main__":
    sys.exit(main())
