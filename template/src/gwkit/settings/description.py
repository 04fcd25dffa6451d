"""The settings in words, for `.env.example`, the documentation, and the `config` command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import get_annotations
from itertools import groupby
from json import dumps
from operator import attrgetter
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from gwkit.logging.redaction import MASK, Plain, Redactor, secret_values

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

__all__ = [
    "SettingInfo",
    "configuration_markdown",
    "describe_settings",
    "env_example",
    "masked_settings",
    "variable_name",
]

_TYPES: Final = {
    "array": "list, as JSON",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "object": "mapping, as JSON",
    "string": "text",
}
_FORMATS: Final = {"password": "secret text", "path": "path"}
_BOUNDS: Final = {
    "exclusiveMinimum": "above {:,}",
    "minimum": "at least {:,}",
    "maximum": "at most {:,}",
    "exclusiveMaximum": "below {:,}",
    "minLength": "at least {:,} characters",
    "maxLength": "at most {:,} characters",
    "pattern": "matching `{}`",
}
_BOTH_ENDS = re.compile(r"at least (\S+)(?: characters)?, at most ")
_NOTHING: Final = (None, "{}")
_Schema: TypeAlias = Mapping[str, Any]
"""A JSON Schema, as pydantic makes it."""

_WIDTH: Final = 98
_BARE = re.compile(r"[^\s\"'#$`\\]*")


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """A setting in words.

    `default` is `None` where there is none: then the setting is required, or unset until it is
    given. `example` is a value for a setting that has no telling default.
    """

    group: str
    name: str
    variable: str
    type: str
    range: str
    default: str | None
    required: bool
    secret: bool
    example: str | None
    description: str

    @property
    def allowed(self) -> str:
        """Type and range together, such as `whole number, 0 to 65535`."""
        return f"{self.type}, {self.range}" if self.range else self.type

    @property
    def default_in_words(self) -> str:
        """The default, or that there is none."""
        if self.default is not None:
            return self.default
        return "none, required" if self.required else "none"


def variable_name(settings_type: type[BaseSettings], name: str) -> str:
    """Return the environment variable of a field: its alias, or its name with the prefix."""
    alias = settings_type.model_fields[name].validation_alias
    prefix = settings_type.model_config.get("env_prefix", "")
    return alias if isinstance(alias, str) else f"{prefix}{name.upper()}"


@cache
def describe_settings(settings_type: type[BaseSettings]) -> tuple[SettingInfo, ...]:
    """Return every setting, in the order of the groups and of the fields in them."""
    schema = settings_type.model_json_schema(by_alias=False)
    definitions = schema.get("$defs", {})
    return tuple(
        _describe(settings_type, name, field, _resolved(schema["properties"][name], definitions))
        for name, field in settings_type.model_fields.items()
    )


def _describe(
    settings_type: type[BaseSettings], name: str, field: FieldInfo, schema: _Schema
) -> SettingInfo:
    values = schema.get("additionalProperties")  # of a mapping
    formats = {schema.get("format"), values.get("format") if isinstance(values, dict) else ""}
    secret = "password" in formats
    default = _written(field)
    return SettingInfo(
        group=_group(settings_type, name),
        name=name,
        variable=variable_name(settings_type, name),
        type=_type(schema),
        range=_range(schema),
        default=MASK if secret and default not in _NOTHING else default,
        required=field.is_required(),
        secret=secret,
        example=None if not field.examples else str(field.examples[0]),
        description=" ".join((field.description or "").split()),
    )


def _group(settings_type: type[BaseSettings], name: str) -> str:
    """Return the first line of the docstring of the class that declares the field."""
    owner = next(base for base in settings_type.__mro__ if name in get_annotations(base))
    return (owner.__doc__ or owner.__name__).strip().splitlines()[0].rstrip(".")


def _written(field: FieldInfo) -> str | None:
    """Return the default as one would write it in the environment."""
    if field.is_required():
        return None
    default: object = field.get_default(call_default_factory=True, validated_data={})
    match default:
        case None:
            return None
        case bool() | list() | tuple() | dict():
            return dumps(default, ensure_ascii=False)
        case _:
            return str(default)


def _resolved(schema: _Schema, definitions: Mapping[str, _Schema]) -> _Schema:
    """Return what a schema says of the value that is given: not a reference, and not null."""
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return _resolved(choice, definitions)
    if (reference := schema.get("$ref")) is not None:
        return definitions[reference.rpartition("/")[2]]
    return schema


def _type(schema: _Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    return _FORMATS.get(schema.get("format", "")) or _TYPES[schema.get("type", "string")]


def _range(schema: _Schema) -> str:
    bounds = (form.format(schema[name]) for name, form in _BOUNDS.items() if name in schema)
    return _BOTH_ENDS.sub(r"\1 to ", ", ".join(bounds))


def env_example(
    settings_type: type[BaseSettings], *, only: Sequence[type[BaseSettings]] = ()
) -> str:
    """Return the text of `.env.example`: every variable, commented out, and explained.

    Args:
        settings_type: all settings.
        only: the groups to show; by default all.
    """
    lines = [
        "# Settings of the service. Copy what you change to `.env`, which is never committed, and",
        "# uncomment it; a variable of the environment goes before the same one in `.env`. An",
        "# unknown name that starts with APP_ stops the start.",
    ]
    for group, settings in _groups(settings_type, only):
        lines += ["", "", f"# --- {group} ---"]
        for setting in settings:
            allowed = f"{setting.allowed[:1].upper()}{setting.allowed[1:]}"
            about = f"{allowed}. Default: {setting.default_in_words}."
            lines += ["", *_comment(setting.description), *_comment(about)]
            lines.append(f"# {setting.variable}={_placeholder(setting)}")
    return "\n".join(lines) + "\n"


def configuration_markdown(
    settings_type: type[BaseSettings], *, only: Sequence[type[BaseSettings]] = ()
) -> str:
    """Return the reference in Markdown: a section with a table per group, without a page title.

    Args:
        settings_type: all settings.
        only: the groups to show; by default all.
    """
    lines: list[str] = []
    for group, settings in _groups(settings_type, only):
        lines += [f"## {group}", "", "| Variable | Type and range | Default | Meaning |"]
        lines.append("|---|---|---|---|")
        for setting in settings:
            default = setting.default_in_words
            cells = (
                f"`{setting.variable}`",
                setting.allowed,
                default if setting.default is None else f"`{default}`",
                setting.description,
            )
            lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def _groups(
    settings_type: type[BaseSettings], only: Sequence[type[BaseSettings]]
) -> Iterator[tuple[str, Iterator[SettingInfo]]]:
    names = {name for group in only or (settings_type,) for name in group.model_fields}
    shown = (each for each in describe_settings(settings_type) if each.name in names)
    return groupby(shown, attrgetter("group"))


def masked_settings(settings: BaseSettings) -> dict[str, Plain]:
    """Return the current settings by variable name, secrets masked and unset ones as `None`."""
    redactor = Redactor(secret_values(settings))
    shown: dict[str, Plain] = {}
    for name, value in settings.model_dump(mode="json", fallback=str).items():
        masked = dict.fromkeys(value, MASK) if isinstance(value, dict) else value
        if isinstance(masked, list | dict):
            masked = dumps(masked, ensure_ascii=False)
        shown[variable_name(type(settings), name)] = redactor.value(masked)
    return shown


def _placeholder(setting: SettingInfo) -> str:
    """Return a value that the setting could have, as `.env` takes it."""
    value = setting.example or ("change-me" if setting.secret else setting.default or "")
    if _BARE.fullmatch(value):
        return value
    return dumps(value, ensure_ascii=False) if "'" in value else f"'{value}'"


def _comment(text: str) -> list[str]:
    return wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
