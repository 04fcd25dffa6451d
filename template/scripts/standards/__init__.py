"""The practices that no linter checks, each as a rule whose docstring is the remedy.

A comment with a reason excuses its line, or the module for a finding about a whole module:

    # allow STR3: the table of countries is long and has no parts
"""

from __future__ import annotations

__all__: list[str] = []
