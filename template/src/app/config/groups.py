"""Groups of settings: the service, each option and each extension have their own."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict  # noqa: TID251 - base of groups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_settings import PydanticBaseSettingsSource

    from app.config.settings import Settings

__all__ = ["ENV_PREFIX", "SERVICE_NAME", "SERVICE_TITLE", "ModelName", "SettingsGroup"]

ENV_PREFIX: Final = "APP_"

_NAMES = files("app").joinpath("service_name.txt").read_text(encoding="utf-8").splitlines()

SERVICE_NAME: Final = _NAMES[0]
"""The technical name that the service was made with; the template writes it beside the code."""

SERVICE_TITLE: Final = _NAMES[-1]
"""The name for people, on the page and in the description of the API."""

ModelName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9_-]+:\S+$", min_length=3, max_length=200)
]
"""A model in the form `provider:model`."""


class SettingsGroup(BaseSettings):
    """Settings that belong together.

    The first line of the docstring heads the group in `.env.example`. Each field has a type, a
    default or none, a range, and a docstring or `description` that says what it is for; its
    variable is its name in capitals, with the prefix `APP_`.
    """

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is given: `load_settings` reads the environment and `.env`, once."""
        _ = settings_cls
        return (init_settings,)

    def problems(self, settings: Settings) -> Iterable[str]:
        """Return what does not fit together, each line with the variables that it is about.

        Args:
            settings: all settings, those of this group among them.
        """
        _ = settings
        return ()
