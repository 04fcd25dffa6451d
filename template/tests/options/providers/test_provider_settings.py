"""Required keys of providers, and their valid values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from pydantic import ValidationError

from fixtures.configuration import REGISTRY, WholeSettings
from gwkit.errors import ConfigError
from gwkit.settings.reader import load_settings

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings

CANARY: Final = "sk-canary-4711"

_SUFFIX: Final = "_api_key"
_WITH_MODELS: Final = {
    name.partition(":")[0]
    for seam in (REGISTRY.chat_models, REGISTRY.embedders)
    for name in seam.parts
}
PROVIDERS: Final = [
    name.removesuffix(_SUFFIX)
    for part, group in REGISTRY.settings.parts.items()
    for name in group.model_fields
    if name.endswith(_SUFFIX)
    and REGISTRY.settings.origins[part].startswith("app.options.")
    and name.removesuffix(_SUFFIX) in _WITH_MODELS
]
"""Those of the template's models; what a team's own provider asks for is the team's to say."""


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    """Return a provider, the prefix of its models' names."""
    return str(request.param)


def _fields(provider: str, *, key: str | None = None, url: str | None = None) -> dict[str, str]:
    """Return a model's name, and the other arguments, as fields of the settings."""
    fields = {"default_model": f"{provider}:some-model"}
    if key is not None:
        fields[f"{provider}_api_key"] = key
    if url is not None:
        fields[f"{provider}_base_url"] = url
    return fields


def test_a_key_is_optional_where_it_is_not_needed(
    make_settings: MakeSettings, provider: str
) -> None:
    """No model of the vendor is used, or only a server of one's own."""
    make_settings()
    make_settings(**{f"{provider}_api_key": CANARY})
    make_settings(**_fields(provider, key=CANARY))
    make_settings(**_fields(provider, url="http://127.0.0.1:1/v1"))
    make_settings(**_fields(provider, url="https://gateway.example.org"))
    make_settings(**_fields(provider, url=f"https://not-{provider}.com"))


@pytest.mark.parametrize("url", [None, "https://api.{}.com/v1", "https://eu.{}.com"])
def test_a_key_is_required_where_the_vendor_is_used(
    make_settings: MakeSettings, provider: str, url: str | None
) -> None:
    """The error names the variable of the model."""
    fields = _fields(provider, url=url and url.format(provider))
    needed = rf"{provider.upper()}_API_KEY: APP_DEFAULT_MODEL \({provider}:some-model\)"
    with pytest.raises(ValidationError, match=needed):
        make_settings(**fields)


def test_a_fallback_needs_a_key_too(make_settings: MakeSettings, provider: str) -> None:
    """A fallback may be called at any time."""
    with pytest.raises(ValidationError, match="_API_KEY: APP_FALLBACK_MODELS"):
        make_settings(fallback_models=(f"{provider}:some-model",))


def test_a_missing_key_is_in_the_one_report(monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    """The report has all other problems, too."""
    monkeypatch.setenv("APP_DEFAULT_MODEL", f"{provider}:some-model")
    monkeypatch.setenv("APP_PORT", "many")
    with pytest.raises(ConfigError) as caught:
        load_settings(WholeSettings)
    named = [each.split(":")[0] for each in caught.value.problems]
    assert ["APP_PORT", f"{provider.upper()}_API_KEY"] == named


def test_the_key_has_its_usual_name(monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    """The key is masked in every representation of the settings."""
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", CANARY)
    settings = load_settings(WholeSettings)
    assert CANARY == getattr(settings, f"{provider}_api_key").get_secret_value()
    assert CANARY not in f"{settings!r} {settings.model_dump_json()}"


def test_an_address_is_one(make_settings: MakeSettings, provider: str) -> None:
    """Invalid URLs are rejected."""
    field = f"{provider}_base_url"
    with pytest.raises(ValidationError, match=field):
        make_settings(**{field: f"api.{provider}.com"})
    make_settings(**{field: f"https://api.{provider}.com"})


@pytest.mark.parametrize("key", ["sk-one two", "sk-\n", "…", "sk-\u00e4"])
def test_what_can_be_no_key_is_refused(
    make_settings: MakeSettings, provider: str, key: str
) -> None:
    """Such a key could not be sent; the error does not show it."""
    with pytest.raises(ValidationError, match="_API_KEY: must be visible ASCII") as caught:
        make_settings(**{f"{provider}_api_key": key})
    assert key not in str(caught.value)
