"""Read the settings at start, and report everything that is wrong with them at once."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from gwkit.errors import ConfigError
from gwkit.logging.redaction import Redactor
from gwkit.settings.description import describe_settings
from gwkit.settings.envfile import read_env_file
from gwkit.text.characters import escape_controls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic_core import ErrorDetails

    from gwkit.settings.description import SettingInfo

__all__ = ["load_settings"]

_S = TypeVar("_S", bound=BaseSettings)

_LONGEST_SHOWN = 60
# Half of the letters in common: `LOGLEVEL` finds `LOG_LEVEL`, and `KEY` does not find `TOP_K`.
_NEAR_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class _Given:
    """A variable as it was given, and where."""

    name: str
    value: str
    origin: str


def load_settings(settings_type: type[_S], *, env_file: Path | None = Path(".env")) -> _S:
    """Return the settings from the environment and, where a variable is not there, from the file.

    Names count in any case, as in `app_port`. Variables of the file that do not start with the
    settings' prefix belong to others and are left alone, and so are empty ones.

    Args:
        settings_type: settings that take only what they are given, as their
            `settings_customise_sources` says; the environment is read here.
        env_file: the file; `None` reads none.

    Raises:
        ConfigError: something is wrong; it has one line for each problem, among them every unknown
            name with the prefix in either place. No line shows a secret.
    """
    problems: list[str] = []
    given: list[_Given] = []
    if env_file is not None:
        values_of_file, problems = read_env_file(env_file)
        given += _variables(values_of_file, str(env_file))
    given += _variables(os.environ, "the environment")

    infos = {info.variable.upper(): info for info in describe_settings(settings_type)}
    prefix = settings_type.model_config.get("env_prefix", "")
    problems += _unknown_names(given, infos, prefix)
    # The environment comes last, so it goes before the file; an empty variable is none.
    known = {one.name.upper(): one for one in given if one.value and one.name.upper() in infos}

    values = _values(known, infos)
    try:
        settings = settings_type(**values)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_context=False)
        problems += _field_problems(errors, infos, known)
        problems += _cross_problems(settings_type, values, errors, infos)
    else:
        if not problems:
            return settings
    # A validator's own message may repeat what it was given.
    hidden = (one.value for name, one in known.items() if infos[name].secret)
    secrets = [part for value in hidden for part in _parts(value)]
    raise ConfigError(*map(Redactor(secrets).known, problems))


def _parts(value: str) -> Iterator[str]:
    """Yield a secret and, where it is a mapping as JSON, each secret in it."""
    yield value
    with suppress(ValueError):
        found = json.loads(value)
        if isinstance(found, dict):
            yield from (part for part in found.values() if isinstance(part, str))


def _variables(values: Mapping[str, str], origin: str) -> Iterator[_Given]:
    """Yield the variables; of two that differ in case only, the one in capitals comes last."""
    for name in sorted(values, key=lambda name: (name.isupper(), name)):
        yield _Given(name, values[name], origin)


def _unknown_names(given: Iterable[_Given], known: Iterable[str], prefix: str) -> Iterator[str]:
    endings = {name.removeprefix(prefix): name for name in known}
    for one in given:
        name = one.name.upper()
        ending = name.removeprefix(prefix)
        if name == ending or ending in endings:
            continue
        # Compared without the prefix, which every name shares.
        near = get_close_matches(ending, endings, n=1, cutoff=_NEAR_ENOUGH)
        remedy = f"did you mean {endings[near[0]]}?" if near else "see .env.example for all names"
        yield f"{_shown(one.name)}: unknown setting in {one.origin}; {remedy}"


def _values(known: Mapping[str, _Given], infos: Mapping[str, SettingInfo]) -> dict[str, Any]:
    """Return the values by field; those of lists and mappings are decoded from JSON."""
    values: dict[str, Any] = {}
    for variable, one in known.items():
        info = infos[variable]
        values[info.name] = one.value
        if info.type.endswith("as JSON"):
            # What is not valid JSON stays text: the validation says what it should be.
            with suppress(ValueError):
                values[info.name] = json.loads(one.value)
    return values


def _field_problems(
    errors: Iterable[ErrorDetails], infos: Mapping[str, SettingInfo], known: Mapping[str, _Given]
) -> Iterator[str]:
    """Yield a line for each field that is wrong: variable, value, origin, problem, what may be."""
    for error in errors:
        if not error["loc"]:
            yield from _lines(error)
            continue
        info = _info(error, infos)
        one = known.get(info.variable.upper())
        found = ""
        if one is not None:
            value = "the value" if info.secret else f"'{_shown(one.value)}'"
            found = f" {value} in {one.origin}:"
        what = "required and not set" if error["type"] == "missing" else " ".join(_lines(error))
        yield f"{info.variable}:{found} {what[:1].lower()}{what[1:]}; allowed: {info.allowed}"


def _cross_problems(
    settings_type: type[BaseSettings],
    values: Mapping[str, Any],
    errors: Iterable[ErrorDetails],
    infos: Mapping[str, SettingInfo],
) -> Iterator[str]:
    """Yield what is wrong between fields that are right in themselves.

    Pydantic looks at fields together only when each one is valid, so those that are not stand at
    their defaults for this, and lines about them are left out.
    """
    wrong = {str(error["loc"][0]): _info(error, infos).variable for error in errors if error["loc"]}
    if not wrong:
        return
    try:
        settings_type(**{name: item for name, item in values.items() if name not in wrong})
    except ValidationError as exc:
        lines = (line for error in exc.errors() if not error["loc"] for line in _lines(error))
        yield from (
            line for line in lines if not set(re.findall(r"\w+", line)) & set(wrong.values())
        )


def _info(error: ErrorDetails, infos: Mapping[str, SettingInfo]) -> SettingInfo:
    """Return the setting that an error is about; pydantic names it by its alias if it has one."""
    name = str(error["loc"][0])
    return next(info for info in infos.values() if name in {info.name, info.variable})


def _lines(error: ErrorDetails) -> list[str]:
    return error["msg"].removeprefix("Value error, ").splitlines()


def _shown(text: str) -> str:
    """Return the text as it may be shown: short, on one line, without what looks like a secret."""
    shown = escape_controls(Redactor().text(text))
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
