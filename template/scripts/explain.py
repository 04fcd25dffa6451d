"""Explain a practice: what it asks for and why, with a wrong and a right example.

python -m scripts.explain LOG4
"""

from __future__ import annotations

import sys
from textwrap import indent

from scripts.practices import PRACTICES
from scripts.standards.own import RULES as OWN
from scripts.standards.rules import RULES

__all__ = ["explain"]

PAGE = """\
{code}: {text}

{why}
Checked by {by}.
{notes}
Wrong:
{wrong}

Right:
{right}

To excuse a line: `# noqa: RULE - reason` for a rule of ruff's, else `# allow {code}: reason`.
A weaker configuration needs an entry in exceptions.toml; `make exceptions` lists them.
"""


def explain(code: str) -> str:
    """Return the explanation of a practice, or of a rule of the team's own.

    Raises:
        KeyError: There is no such code.
    """
    for item in PRACTICES:
        if item.code == code:
            notes = [f"- {rule.remedy}" for rule in RULES if rule.code == code]
            notes += [f"- Reviewed, as no tool can: {item.reviewed}"] if item.reviewed else []
            shown = {**vars(item), "by": ", ".join(item.by), "notes": "\n".join([*notes, ""])}
            wrong, right = (indent(example, "    ") for example in (item.wrong, item.right))
            return PAGE.format_map({**shown, "wrong": wrong, "right": right})
    for rule in OWN:
        if rule.code == code:
            examples = "\n\n".join((*rule.bites, "Right:", *rule.passes))
            return f"{code}, of your own: {rule.remedy}\n\nWrong:\n\n{examples}\n"
    raise KeyError(code)


if __name__ == "__main__":
    try:
        print(explain("".join(sys.argv[1:2]).upper()), end="")
    except KeyError as exc:
        known = ", ".join([*(item.code for item in PRACTICES), *(rule.code for rule in OWN)])
        print(f"there is no code {exc}; there are {known}", file=sys.stderr)
        sys.exit(2)
