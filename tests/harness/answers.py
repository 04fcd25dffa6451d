"""The answer sets that the tests render, and the questions of `copier.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from scripts.variants import PROFILE, Answer, Answers, Space, answers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "ANSWER_SETS",
    "FREE_TEXT",
    "ROOT",
    "SPACE",
    "TEXTS",
    "VARIANTS",
    "Answer",
    "Answers",
    "alternatives",
    "choices",
    "comparable",
    "copier_config",
    "default",
    "questions",
    "walks",
]

ROOT: Final = Path(__file__).resolve().parents[2]

FREE_TEXT: Final = ("project_name", "description", "owner")

# Each text has syntax of one of the languages that answers are rendered into.
TEXTS: Final[Mapping[str, str]] = {
    "accents": "Žluťoučký kůň & œuvre für Ærø",
    "backslash": "C:\\new\\table \\u0041 \\",
    "emoji": "🎉 Fête 👩‍👩‍👧 日本語",
    "jinja": "{{ owner }} {% if x %} # [% if x %] @{ owner }@ [# x #] #}",
    "long": "ŵ" * 60,
    "markdown": "# a_b_ *c* [d](e) `f` | <b>g</b> &amp; ~~h~~",
    "quotes": 'it\'s "quoted" \'\'\' """ and `ticked`',
    "shell": "$(touch pwned) `id` ${HOME} $HOME; exit 1 | tee & > x",
    "toml": "x = 1 # [table] = 'y' ]]",
    "workflow": "${{ github.token }} ::set-output name=x::y",
    "yaml": "- a: b, {c: [d]} # e ! & * ? | > % @ null: ~",
}

SPACE: Final = Space()


def _variants() -> dict[str, dict[str, Answer]]:
    """Return the variants whose services run: the profiles, and others with hostile texts.

    A variant has another text in each place, so that each text gets into each place.
    """
    texts = list(TEXTS.values())
    found: dict[str, dict[str, Answer]] = {}
    for number, row in enumerate(SPACE.rows):
        if number < len(SPACE.profiles):
            profile = SPACE.profiles[number]
            found[profile] = {"profile": profile, **answers_of(row)}
        else:
            places = enumerate(FREE_TEXT)
            chosen = {name: texts[(number + 4 * place) % len(texts)] for place, name in places}
            found[f"variant {number + 1}"] = {**chosen, **answers_of(row)}
    found[f"variant {len(found)}"]["project_slug"] = "s" * 60
    return found


VARIANTS: Final[Mapping[str, Answers]] = _variants()
"""What `test_services.py` runs: each possible pair of answers is in one of them."""

ANSWER_SETS: Final[Mapping[str, Answers]] = {
    "defaults": {},
    "bare": SPACE.fewest(),
    "one letter": {**dict.fromkeys(FREE_TEXT, "x"), "license": "MIT"},
    **VARIANTS,
}
"""What the static tests render."""


@cache
def copier_config() -> Mapping[str, object]:
    """Return the content of `copier.yml`; settings have a leading underscore."""
    loaded = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@cache
def questions() -> Mapping[str, Mapping[str, object]]:
    """Return the questions by name, in the order they are asked."""
    found: dict[str, Mapping[str, object]] = {}
    for name, details in copier_config().items():
        if not name.startswith("_"):
            assert isinstance(details, dict)
            found[name] = details
    return found


def choices(question: str) -> tuple[Answer, ...]:
    """Return every valid answer of a question; nothing for free text.

    Of a question with several choices: none, each alone, and all of them.
    """
    details = questions()[question]
    if details["type"] == "bool":
        return (True, False)
    listed = details.get("choices", ())
    assert isinstance(listed, dict | list | tuple)
    values = list(listed.values()) if isinstance(listed, dict) else list(listed)
    if details.get("multiselect"):
        return ([], *([value] for value in values), values)
    return tuple(values)


def default(question: str) -> Answer:
    """Return the default of a question, if all others have theirs."""
    return SPACE.defaults()[question]


def comparable(question: str, answer: Answer) -> tuple[str, str]:
    """Return a question with its answer in a form that fits into a set."""
    return question, str(answer)


def alternatives(question: str) -> list[Answer]:
    """Return every answer that differs from the question's default; for free text, another one."""
    if question in FREE_TEXT:
        return [TEXTS["jinja"]]
    if question == "project_slug":
        return ["another-slug"]
    found: list[Answer] = []
    for answer in choices(question):
        if answer not in (default(question), *found):
            found.append(answer)
    return found


def walks() -> Mapping[str, Sequence[Answers]]:
    """Return flips of answers: what differs from the defaults, step by step.

    - `each alternative`: of all questions at a time, except those that take files away. A step
      takes the alternatives before back, to the next one or to the default.
    - `all and nothing`: everything; the same without what answers take away, so that options come
      and go while the files about them are missing; and only without it.
    """
    start = SPACE.defaults()
    less = {name: answer for name, answer in SPACE.fewest().items() if answer != start[name]}
    found = {name: alternatives(name) for name in questions() if name not in less}
    steps = max(map(len, found.values()))
    everything = SPACE.defaults({PROFILE: SPACE.profiles[-1]})
    more = {name: answer for name, answer in everything.items() if answer != start[name]}
    return {
        "each alternative": [
            {name: answers[step] for name, answers in found.items() if step < len(answers)}
            for step in range(steps)
        ],
        "all and nothing": [more, {**more, **less}, less],
    }
