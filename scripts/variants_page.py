"""The page of the variants: `make variants` runs them, and notes their seconds for it.

python -m scripts.variants_page     collect the seconds that the tests have noted
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scripts.variants import Space, answers_of, covered

if TYPE_CHECKING:
    from scripts.variants import Answer, Answers

__all__ = ["main", "record", "table"]

ROOT: Final = Path(__file__).resolve().parents[1]
NOTES: Final = ROOT / "build/variants"
SECONDS: Final = ROOT / "docs/variants.json"
"""By the answers of a variant, the processor time of its commands."""


def table() -> str:
    """Return the page of the variants: their answers, seconds, and the pairs that they have."""
    space = Space()
    rows, pairs, impossible = space.rows, space.pairs(), space.impossible()
    measured = json.loads(SECONDS.read_text(encoding="utf-8"))
    questions = [*dict.fromkeys(factor.question for factor in space.factors)]
    run = pairs & covered(rows)
    lines = [
        "# Variants that are run\n",
        "<!-- Written by scripts/variants_page.py; do not edit. -->\n",
        f"Two answers to different questions are a pair: there are {len(pairs)}. {len(run)} are",
        f"in a variant below, and {len(impossible)} are impossible. Of a question with several",
        "choices, each choice counts as a question.\n",
        "The tests render each variant and run its own `make check`, `make test`, `make eval` and",
        "`make docs` in a fresh environment, on the Python that it names. The first are the",
        f"profiles {', '.join(space.profiles)}. The seconds are the processor time of all commands",
        "and the set-up. A variant without them has not run since its answers changed, or not at",
        "all, because its Python was not installed.\n",
        f"| # | {' | '.join(questions)} | seconds |",
        f"|{'---|' * (len(questions) + 2)}",
    ]
    for number, row in enumerate(rows, 1):
        answers = answers_of(row)
        shown = [_shown(answers[question]) for question in questions]
        lines.append(f"| {number} | {' | '.join(shown)} | {measured.get(_key(answers), '')} |")
    lines += ["", "## Impossible pairs", ""]
    for pair, reason in impossible.items():
        both = " and ".join(sorted(f"`{factor}` = `{value}`" for factor, value in pair))
        lines.append(f"- {both}: {reason}")
    if not impossible:
        lines.append("None: no question depends on the answer to another.")
    return "\n".join(lines) + "\n"


def record(answers: Answers, seconds: float) -> None:
    """Note the processor time of a variant, for `main`."""
    NOTES.mkdir(parents=True, exist_ok=True)
    line = _key(answers_of(Space().row_of(answers)))
    note = json.dumps({line: round(seconds)})
    (NOTES / f"{sha256(line.encode()).hexdigest()[:12]}.json").write_text(note, encoding="utf-8")


def main() -> int:
    """Collect what the tests have noted, of the variants that there are now."""
    known = [_key(answers_of(row)) for row in Space().rows]
    found = json.loads(SECONDS.read_text(encoding="utf-8"))
    for note in sorted(NOTES.glob("*.json")):
        found |= json.loads(note.read_text(encoding="utf-8"))
    kept = {name: found[name] for name in known if name in found}
    SECONDS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


def _key(answers: Answers) -> str:
    """Return answers as one line of text."""
    return json.dumps(answers, sort_keys=True)


def _shown(answer: Answer) -> str:
    if isinstance(answer, list):
        return ", ".join(answer) or "none"
    return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else answer


if __name__ == "__main__":
    sys.exit(main())
