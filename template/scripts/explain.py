"""Explain a practice: what it asks for and why, with a wrong and a right example.

python -m scripts.explain         list all codes
python -m scripts.explain LOG4    explain one
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
            notes += [f"- No tool can check, so review: {item.reviewed}"] if item.reviewed else []
            shown = {**vars(item), "by": ", ".join(item.by), "notes": "\n".join([*notes, ""])}
            wrong, right = (indent(example, "    ") for example in (item.wrong, item.right))
            return PAGE.format_map({**shown, "wrong": wrong, "right": right})
    for rule in OWN:
        if rule.code == code:
            examples = "\n\n".join((*rule.bites, "Right:", *rule.passes))
            return f"{code}, of your own: {rule.remedy}\n\nWrong:\n\n{examples}\n"
    raise KeyError(code)


if __name__ == "__main__":
    if not sys.argv[1:]:
        for known, text in (
            *((p.code, p.text) for p in PRACTICES),
            *((r.code, r.remedy) for r in OWN),
        ):
            print(f"{known}  {text}")
        print("ENF1 to ENF9 are codes of the template's `make judge`, which explains them.")
        sys.exit()
    try:
        print(explain(sys.argv[1].upper()), end="")
    except KeyError as exc:
        print(f"there is no code {exc}; `make explain` lists them", file=sys.stderr)
        sys.exit(2)
