"""What settings there are, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from inspect import get_annotations
from json import dumps
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, TypedDict

from gwkit.logging.redaction import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

__all__ = ["SettingInfo", "describe_settings", "variable_name"]

_TYPES: Final = {
    "array": "list, as JSON",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "object": "mapping, as JSON",
    "string": "text",
}
_FORMATS: Final = {"password": "secret text", "path": "path"}
_NOTHING: Final = (None, "{}")
_Schema = TypedDict(
    "_Schema",
    {
        "$ref": str,
        "additionalProperties": "_Schema",
        "anyOf": "list[_Schema]",
        "enum": list[str],
        "exclusiveMaximum": float,
        "exclusiveMinimum": float,
        "format": str,
        "maxLength": int,
        "maximum": float,
        "minLength": int,
        "minimum": float,
        "pattern": str,
        "type": str,
    },
    total=False,
)


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
    definitions: Mapping[str, _Schema] = schema.get("$defs", {})
    return tuple(
        _describe(settings_type, name, field, _resolved(schema["properties"][name], definitions))
        for name, field in settings_type.model_fields.items()
    )


def _describe(
    settings_type: type[BaseSettings], name: str, field: FieldInfo, schema: _Schema
) -> SettingInfo:
    secret = "password" in {each.get("format") for each in (schema, *_items(schema))}
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
        description=field.description or "",
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
        case PurePath():
            return default.as_posix()
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


def _items(schema: _Schema) -> tuple[_Schema, ...]:
    """Return what a schema says of the values of a mapping."""
    values = schema.get("additionalProperties")
    return (values,) if isinstance(values, dict) else ()


def _type(schema: _Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    return _FORMATS.get(schema.get("format", "")) or _TYPES[schema.get("type", "string")]


def _range(schema: _Schema) -> str:
    parts: list[str] = []
    if "exclusiveMinimum" in schema:
        parts.append(f"above {schema['exclusiveMinimum']:,}")
    if "minimum" in schema and "maximum" in schema:
        parts.append(f"{schema['minimum']:,} to {schema['maximum']:,}")
    elif "minimum" in schema:
        parts.append(f"at least {schema['minimum']:,}")
    elif "maximum" in schema:
        parts.append(f"at most {schema['maximum']:,}")
    if "exclusiveMaximum" in schema:
        parts.append(f"below {schema['exclusiveMaximum']:,}")
    if "maxLength" in schema:
        parts.append(f"{schema.get('minLength', 0):,} to {schema['maxLength']:,} characters")
    elif "minLength" in schema:
        parts.append(f"at least {schema['minLength']:,} characters")
    if "pattern" in schema:
        parts.append(f"matching `{schema['pattern']}`")
    return ", ".join(parts)
