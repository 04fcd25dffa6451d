"""When a key of OpenAI's is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from app.config.report import load_settings
from app.config.settings import Settings
from app.exceptions import ConfigError

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings

MODEL = "openai:some-model"
CANARY = "sk-canary-4711"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"default_model": MODEL, "openai_api_key": CANARY},
        {"default_model": MODEL, "openai_base_url": "http://127.0.0.1:1/v1"},
        {"default_model": MODEL, "openai_base_url": "https://gateway.example.org"},
        {"openai_api_key": CANARY},
    ],
)
def test_a_key_is_optional_where_it_is_not_needed(
    make_settings: MakeSettings, fields: dict[str, str]
) -> None:
    """Where no model of the vendor's is used, or a server of one's own."""
    make_settings(**fields)


@pytest.mark.parametrize(
    ("variable", "fields"),
    [
        ("APP_DEFAULT_MODEL", {"default_model": MODEL}),
        ("APP_FALLBACK_MODELS", {"fallback_models": (MODEL,)}),
        (
            "APP_DEFAULT_MODEL",
            {"default_model": MODEL, "openai_base_url": "https://api.openai.com/v1"},
        ),
        ("APP_DEFAULT_MODEL", {"default_model": MODEL, "openai_base_url": "https://eu.openai.com"}),
    ],
)
def test_a_key_is_required_where_the_vendor_is_used(
    make_settings: MakeSettings, variable: str, fields: dict[str, object]
) -> None:
    """The error names the variable that needs it."""
    with pytest.raises(ValidationError, match=rf"OPENAI_API_KEY: {variable} \(openai:some-model\)"):
        make_settings(**fields)


def test_a_missing_key_is_in_the_one_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything else that is wrong."""
    monkeypatch.setenv("APP_DEFAULT_MODEL", MODEL)
    monkeypatch.setenv("APP_PORT", "many")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert ["APP_PORT", "OPENAI_API_KEY"] == [each.split(":")[0] for each in caught.value.problems]


def test_the_key_has_its_usual_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """And stands in no rendition of the settings."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    settings = load_settings()
    assert settings.openai_api_key is not None
    assert CANARY == settings.openai_api_key.get_secret_value()
    assert CANARY not in f"{settings!r} {settings.model_dump_json()}"


def test_an_address_is_one(make_settings: MakeSettings) -> None:
    """What is no URL is refused."""
    with pytest.raises(ValidationError, match="openai_base_url"):
        Settings(openai_base_url="api.openai.com")
    make_settings(openai_base_url="https://api.openai.com")


@pytest.mark.parametrize("key", ["sk-one two", "sk-\n", "…", "sk-\u00e4"])
def test_what_can_be_no_key_is_refused(key: str) -> None:
    """It could not be sent, and the provider would be blamed for it; the text does not show it."""
    with pytest.raises(ValidationError, match="OPENAI_API_KEY: must be visible ASCII") as caught:
        Settings(openai_api_key=key)
    assert key not in str(caught.value)
