"""Descriptions of settings: pages and masked values, for a test's own settings."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import Field, SecretBytes, SecretStr, ValidationError

from app.config.settings import Settings
from gwkit.settings.description import (
    configuration_markdown,
    describe_settings,
    env_example,
    masked_settings,
    variable_name,
)


class Colour(StrEnum):
    """A choice in a team's settings."""

    RED = "red"
    BLUE = "blue"


class SecretSettings(Settings):
    """Secrets and other settings of a team."""

    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias="OPENAI_API_KEY", description="Key of the provider."
    )
    signing_key: SecretStr = Field(default=SecretStr("default-key"), description="Signs links.")
    raw_key: SecretBytes = Field(default=SecretBytes(b"raw-bytes"), description="Seals things.")
    database_url: str = Field(default="postgresql://u:pass-word@db/x", description="Where it is.")
    tags: tuple[str, ...] = Field(default=("a", "b"), description="Words, or | other things.")
    colour: Colour = Field(default=Colour.RED, description="What it looks like.")
    pool: int | None = Field(default=None, ge=1, description="Connections, at least one.")
    rate: float = Field(default=0.5, gt=0, lt=1, description="A share.")
    depth: int = Field(default=3, le=9, description="How deep.")
    motto: str = Field(default='say "hi" # now', min_length=2, description="What it says.")


class RequiredSettings(Settings):
    """A setting without a default."""

    tenant: str = Field(description="Whose service it is.")


def test_a_secret_is_in_no_rendition_of_the_settings() -> None:
    """Not in repr, str, a dump, the masked settings, or pydantic's errors."""
    settings = SecretSettings(openai_api_key="canary-4711")
    renditions = (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        masked_settings(settings),
    )
    assert all("canary-4711" not in str(rendition) for rendition in renditions)
    with pytest.raises(ValidationError) as caught:
        SecretSettings(openai_api_key=["canary-4711"])
    assert "canary-4711" not in str(caught.value)


def test_masked_settings_show_what_may_be_shown() -> None:
    """By variable, in plain types: secrets as stars, unset ones as `None`."""
    settings = SecretSettings(port=1, log_file=Path("a") / "b.log")
    shown = masked_settings(settings)
    assert len(type(settings).model_fields) == len(shown)
    assert 1 == shown["APP_PORT"]
    assert "a/b.log" == shown["APP_LOG_FILE"]
    assert shown["APP_ENABLE_STREAMING"] is True
    assert shown["OPENAI_API_KEY"] is None
    assert "**********" == shown["APP_SIGNING_KEY"] == shown["APP_RAW_KEY"]
    assert "postgresql://u:**********@db/x" == shown["APP_DATABASE_URL"]


def test_a_variable_is_the_prefix_and_the_name_or_the_alias() -> None:
    """Vendors' keys keep their usual names."""
    assert "APP_PORT" == variable_name(SecretSettings, "port")
    assert "OPENAI_API_KEY" == variable_name(SecretSettings, "openai_api_key")


@pytest.mark.parametrize(
    ("name", "allowed", "default"),
    [
        ("port", "whole number, 0 to 65,535", "8000"),
        ("timeout_seconds", "number, above 0, at most 600", "30.0"),
        ("log_format", "one of auto, console, json", "auto"),
        ("enable_streaming", "true or false", "true"),
        ("log_file", "path", "none"),
        ("index_path", "path", "var/index.sqlite"),
        ("openai_api_key", "secret text", "none"),
        ("signing_key", "secret text", "**********"),
        ("tags", "list, as JSON", '["a", "b"]'),
        ("colour", "one of red, blue", "red"),
        ("pool", "whole number, at least 1", "none"),
        ("rate", "number, above 0, below 1", "0.5"),
        ("depth", "whole number, at most 9", "3"),
        ("motto", "text, at least 2 characters", 'say "hi" # now'),
    ],
)
def test_a_setting_in_words(name: str, allowed: str, default: str) -> None:
    """Type, range and default form a sentence, without a secret's default."""
    [setting] = [each for each in describe_settings(SecretSettings) if each.name == name]
    assert allowed == setting.allowed
    assert default == setting.default_in_words


def test_a_required_setting_says_so() -> None:
    """It has no default, which differs from being unset."""
    setting = describe_settings(RequiredSettings)[-1]
    assert ("tenant", True, None) == (setting.name, setting.required, setting.default)
    assert "none, required" == setting.default_in_words


def test_placeholders_can_be_uncommented() -> None:
    """Secrets have a placeholder and never their default; odd text is quoted."""
    text = env_example(SecretSettings)
    assert "\n# OPENAI_API_KEY=change-me\n" in text
    assert "\n# APP_SIGNING_KEY=change-me\n" in text
    assert "default-key" not in text
    assert "\n# APP_MOTTO='say \"hi\" # now'\n" in text


def test_the_page_has_every_variable() -> None:
    """One row for each, in its group, with valid table cells."""
    text = configuration_markdown(SecretSettings)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(SecretSettings.model_fields) == len(rows)
    assert all(5 == row.count("|") for row in rows)
    assert (
        "| `APP_PORT` | whole number, 0 to 65,535 | `8000` | Port to listen on; 0 takes any. |"
        in rows
    )
    assert "| `APP_LOG_FILE` | path | none | File to log to as well" in text
    assert text.startswith("## The service\n")
    assert text.endswith("|\n")


def test_a_group_is_named_by_its_class() -> None:
    """A group's title is the first line of its class."""
    assert "Secrets and other settings of a team" == describe_settings(SecretSettings)[-1].group
