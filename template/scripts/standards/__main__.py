"""Check the practices that no linter checks.

python -m scripts.standards     print each violation as `path:line: CODE message`
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.findings import report
from scripts.reference import current_reference
from scripts.standards.project import Project
from scripts.standards.rule import ProjectRule
from scripts.standards.rules import RULES

__all__: list[str] = []

if __name__ == "__main__":
    project = Project(Path(__file__).resolve().parent.parent.parent)
    rules = (*RULES, ProjectRule("CFG5", current_reference))
    sys.exit(report(finding for rule in rules for finding in rule.violations(project)))
