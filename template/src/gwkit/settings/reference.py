"""The settings as people read them: `.env.example`, the documentation, and the `config` command."""

from __future__ import annotations

import re
from itertools import groupby
from json import dumps
from operator import attrgetter
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from pydantic import SecretBytes, SecretStr

from gwkit.logging.redaction import MASK, Redactor, secret_values
from gwkit.settings.description import describe_settings, variable_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_settings import BaseSettings

    from gwkit.settings.description import SettingInfo

__all__ = ["configuration_markdown", "env_example", "masked_settings"]

_WIDTH: Final = 98
_BARE = re.compile(r"[^\s\"'#$`\\]*")


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
    for group, settings in groupby(_described(settings_type, only), attrgetter("group")):
        lines += ["", "", f"# --- {group} ---"]
        for setting in settings:
            about = f"{_sentence(setting.allowed)} Default: {setting.default_in_words}."
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
    for group, settings in groupby(_described(settings_type, only), attrgetter("group")):
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


def _described(
    settings_type: type[BaseSettings], only: Sequence[type[BaseSettings]]
) -> Iterator[SettingInfo]:
    names = {name for group in only for name in group.model_fields}
    for setting in describe_settings(settings_type):
        if not only or setting.name in names:
            yield setting


def masked_settings(settings: BaseSettings) -> dict[str, str | int | float | bool | None]:
    """Return the settings in force by variable name, secrets masked and unset ones as `None`."""
    redactor = Redactor(secret_values(settings))
    return {
        variable_name(type(settings), name): _masked(getattr(settings, name), redactor)
        for name in type(settings).model_fields
    }


def _masked(value: object, redactor: Redactor) -> str | int | float | bool | None:
    if isinstance(value, SecretStr | SecretBytes):
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple | dict):
        shown = dict.fromkeys(value, MASK) if isinstance(value, dict) else [*map(str, value)]
        return redactor.text(dumps(shown, ensure_ascii=False))
    return redactor.text(str(value))


def _placeholder(setting: SettingInfo) -> str:
    """Return a value that the setting could have, as `.env` takes it."""
    value = setting.example or ("change-me" if setting.secret else setting.default or "")
    if _BARE.fullmatch(value):
        return value
    return dumps(value, ensure_ascii=False) if "'" in value else f"'{value}'"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _comment(text: str) -> list[str]:
    return wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
