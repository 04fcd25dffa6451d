"""Check the practices that no linter checks.

python -m scripts.standards     print each violation as `path:line: CODE message`
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from scripts.exceptions import uncovered, wrong_entries
from scripts.findings import report
from scripts.standards import own
from scripts.standards.project import Project
from scripts.standards.proving import proven_rules
from scripts.standards.rule import ProjectRule
from scripts.standards.rules import RULES

__all__: list[str] = []

if __name__ == "__main__":
    # Most of the time would go into looking for garbage among the syntax trees.
    gc.disable()
    project = Project(Path(__file__).resolve().parent.parent.parent)
    proofs = (ProjectRule("OWN0", proven_rules), ProjectRule("ENF9", wrong_entries))
    rules = (*RULES, *own.RULES, *proofs)
    found = (finding for rule in rules for finding in rule.violations(project))
    sys.exit(report(uncovered(found, project)))
