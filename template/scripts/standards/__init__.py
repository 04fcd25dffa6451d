"""The practices that no linter decides, each as a rule whose docstring is the remedy.

A comment excuses its line, or for a finding about a whole module the module, with a reason:

    # allow STR3: the table of countries is long and has no parts
"""

from __future__ import annotations

__all__: list[str] = []
