"""Check the practices that no linter decides.

python -m scripts.standards            print each violation as `path:line: CODE message`
python -m scripts.standards --json     the same for programs
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.findings import report
from scripts.standards.current import current_reference
from scripts.standards.project import Project
from scripts.standards.rule import ProjectRule
from scripts.standards.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.standards",
        description="Check the practices that no linter decides.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(arguments)
    project = Project(ROOT)
    rules = (*RULES, ProjectRule("CFG5", current_reference))
    found = (finding for rule in rules for finding in rule.violations(project))
    return report(found, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
