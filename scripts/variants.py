"""The variants of a service that the tests run, computed from the questions in `copier.yml`.

They are a covering array: whatever two answers a team combines, one of the variants has both. Each
choice of a question with several choices counts as a question of its own, answered yes or no. The
array is covertable's, but whether it covers every pair is counted here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import covertable
import yaml
from jinja2 import FileSystemLoader, meta
from jinja2.sandbox import SandboxedEnvironment

__all__ = [
    "PROFILE",
    "Answer",
    "Answers",
    "Factor",
    "Pair",
    "Row",
    "Space",
    "answers_of",
    "covered",
]

ROOT: Final = Path(__file__).resolve().parents[1]
PROFILE: Final = "profile"
"""The question that only sets the defaults of the others."""

_VERSION: Final = "python_version"
_OPEN: Final = frozenset({"license", _VERSION})
"""Questions that no profile answers, so that its variant can have any answer."""

_ATTEMPTS: Final = 32
_ATTEMPTS_WITH_RULES: Final = 4  # each takes a second

Config = Mapping[str, Any]
Answer = str | bool | list[str]
Answers = Mapping[str, Answer]


class Factor(NamedTuple):
    """A question, or one choice of a question with several choices."""

    question: str
    choice: str = ""

    def __str__(self) -> str:
        return f"{self.question}: {self.choice}" if self.choice else self.question


Row = Mapping[Factor, str | bool]
Pair = frozenset[tuple[Factor, str | bool]]


@dataclass(frozen=True)
class Rule:
    """A `when` or a validator, which refuses some combinations of answers.

    Attributes:
        factor: The factor that it is a rule of.
        reads: All factors that it depends on, its own included.
        expression: The expression of `copier.yml`, for people.
        allows: For values of these factors, in their order, whether it accepts them.
    """

    factor: Factor
    reads: tuple[Factor, ...]
    expression: str
    allows: Mapping[tuple[str | bool, ...], bool]

    def accepts(self, row: Row) -> bool:
        """Return whether a row that has all its factors is allowed."""
        return self.allows[tuple(row[factor] for factor in self.reads)]


class Space:
    """All answers that a `copier.yml` accepts.

    Args:
        config: The content of the file.
    """

    def __init__(self, config: Config | None = None) -> None:
        config = config or yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
        self.environment = SandboxedEnvironment(
            loader=FileSystemLoader(ROOT),
            extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
            **{name: value for name, value in config["_envops"].items() if name != "undefined"},
        )
        self._template = cache(self.environment.from_string)  # few, for many answers
        self._questions: dict[str, Config] = {
            name: details for name, details in config.items() if not name.startswith("_")
        }
        self.factors: dict[Factor, list[str | bool]] = {}
        for name, details in self._questions.items():
            choices = _choices(details)
            if name == PROFILE:
                continue  # it only sets the defaults of the others
            if details["type"] == "bool":
                self.factors[Factor(name)] = [False, True]
            elif details.get("multiselect"):
                self.factors.update({Factor(name, choice): [False, True] for choice in choices})
            elif choices:
                self.factors[Factor(name)] = [*choices]
        self.profiles = _choices(self._questions[PROFILE])
        self.rules = [*self._rules()]

    def defaults(self, given: Answers | None = None) -> dict[str, Answer]:
        """Return an answer to every question: the given one, or its default."""
        found: dict[str, Answer] = {}
        for name, details in self._questions.items():
            default = details["default"]
            if given and name in given:
                default = given[name]
            elif isinstance(default, str):
                text = self._template(default).render(found)
                parsed = details["type"] == "bool" or details.get("multiselect")
                default = yaml.safe_load(text) if parsed else text
            found[name] = default
        return found

    def fewest(self) -> dict[str, Answer]:
        """Return the answers that render the least: no option, no second thing."""
        found = self.defaults()
        for name, details in self._questions.items():
            if details["type"] == "bool":
                found[name] = False
            elif "none" in _choices(details):
                found[name] = "none"
        return found

    def row_of(self, answers: Answers) -> Row:
        """Return complete answers as a row."""
        found: dict[Factor, str | bool] = {}
        for factor in self.factors:
            answer = answers[factor.question]
            if isinstance(answer, list):
                found[factor] = factor.choice in answer
            else:
                found[factor] = answer
        return found

    @cached_property
    def rows(self) -> list[Row]:
        """Return the variants to run: the profiles, the default first, then what else pairs need.

        A machine may lack the newest Python, so pairs without it never depend on its variants.
        """
        start = self.row_of(self.defaults())
        suggested = [self.row_of(self.defaults({PROFILE: each})) for each in self.profiles[1:]]
        fixed = [start] + [
            {factor: value for factor, value in row.items() if factor.question not in _OPEN}
            for row in suggested
        ]
        version = Factor(_VERSION)
        *older, newest = self.factors[version]
        rows = self._array({**self.factors, version: older}, fixed)
        once: dict[Factor, list[str | bool]] = {**self.factors, version: [newest]}
        return rows + self._array(once, [], strength=1)

    def pairs(self) -> set[Pair]:
        """Return every pair of answers to two questions, possible or not."""
        return {
            frozenset({(one, left), (other, right)})
            for one, other in itertools.combinations(self.factors, 2)
            for left in self.factors[one]
            for right in self.factors[other]
        }

    def impossible(self) -> dict[Pair, str]:
        """Return the pairs that no accepted answers have, with the rules that refuse them."""
        found = {}
        for pair in self.pairs() if self.rules else ():
            if reason := self._refusal(dict(pair)):
                found[pair] = reason
        return found

    def accepts(self, row: Row) -> bool:
        """Return whether complete answers are accepted."""
        return all(rule.accepts(row) for rule in self.rules)

    def _array(
        self,
        factors: Mapping[Factor, Sequence[str | bool]],
        fixed: Sequence[Row],
        strength: int = 2,
    ) -> list[Row]:
        """Return the smallest of some arrays, which always are the same."""
        constraints = [
            {"operator": "fn", "requires": [*rule.reads], "evaluate": rule.accepts}
            for rule in self.rules
        ]
        found: list[list[Row]] = [
            covertable.make(
                {factor: [*values] for factor, values in factors.items()},
                strength=strength,
                salt=str(attempt),
                presets=[dict(row) for row in fixed],
                constraints=constraints,
            )
            for attempt in range(_ATTEMPTS_WITH_RULES if constraints else _ATTEMPTS)
        ]
        return [{factor: row[factor] for factor in self.factors} for row in min(found, key=len)]

    def _rules(self) -> Iterator[Rule]:
        """Yield the rules of the questions with choices; those of free text do not depend on it."""
        for name, details in self._questions.items():
            own = [factor for factor in self.factors if factor.question == name]
            expressions = {"when": details.get("when"), "validator": details.get("validator")}
            for kind, expression in expressions.items():
                if own and isinstance(expression, str):
                    yield from self._rule(kind, expression, own)
            choices = details.get("choices")
            for choice in choices.values() if isinstance(choices, dict) else ():
                if isinstance(choice, dict) and "validator" in choice:
                    chosen = str(choice["value"])
                    owner = next(factor for factor in own if factor.choice in {chosen, ""})
                    yield from self._rule(chosen, str(choice["validator"]), [owner])

    def _rule(self, kind: str, expression: str, own: Sequence[Factor]) -> Iterator[Rule]:
        """Yield a rule for each factor of a question.

        Args:
            kind: `when`, `validator`, or the choice that the expression is the validator of.
            expression: A condition if it is a `when`, otherwise a message, or nothing.
            own: The factors of the question.
        """
        named = meta.find_undeclared_variables(self.environment.parse(expression))
        read = [factor for factor in self.factors if factor.question in named]
        template = self._template(expression)
        for factor in own:
            reads = (*dict.fromkeys([*read, factor]),)
            allows = {}
            for values in itertools.product(*(self.factors[each] for each in reads)):
                row = dict(zip(reads, values, strict=True))
                known = self.defaults(answers_of(row))
                said = template.render(known).strip()
                default = self.row_of(self.defaults())[factor]
                if kind == "when":
                    allowed = yaml.safe_load(said) is True or row[factor] == default
                elif kind == "validator":
                    allowed = not said
                else:
                    allowed = not said or row[factor] not in {True, kind}
                allows[values] = allowed
            yield Rule(factor, reads, expression, allows)

    def _refusal(self, pair: Row) -> str:
        """Return why no accepted answers have a pair, or nothing."""
        concerned, rules = {*pair}, list[Rule]()
        while more := [
            rule for rule in self.rules if rule not in rules and concerned & {*rule.reads}
        ]:
            rules += more
            concerned.update(*(rule.reads for rule in more))
        others = [factor for factor in self.factors if factor in concerned - pair.keys()]
        for values in itertools.product(*(self.factors[factor] for factor in others)):
            row = {**pair, **dict(zip(others, values, strict=True))}
            if all(rule.accepts(row) for rule in rules):
                return ""
        return "; ".join(
            dict.fromkeys(
                f"{rule.factor.question}: `{rule.expression}`"
                for rule in rules
                if {*rule.reads} & pair.keys()
            )
        )


def covered(rows: Iterable[Row]) -> set[Pair]:
    """Return the pairs of answers that some row has."""
    return {frozenset(pair) for row in rows for pair in itertools.combinations(row.items(), 2)}


def answers_of(row: Row) -> dict[str, Answer]:
    """Return a row as the answers of an answers file."""
    several: dict[str, list[str]] = {}
    for factor, value in row.items():
        if factor.choice:
            several.setdefault(factor.question, []).extend([factor.choice] if value else [])
    return {
        factor.question: several[factor.question] if factor.choice else value
        for factor, value in row.items()
    }


def _choices(details: Config) -> list[str]:
    """Return the values of the choices of a question; nothing for free text."""
    listed = details.get("choices", ())
    values = listed.values() if isinstance(listed, dict) else listed
    return [str(value["value"] if isinstance(value, dict) else value) for value in values]
