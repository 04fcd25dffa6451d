"""The settings, and the files generated from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from app.config.groups import ENV_PREFIX
from app.config.settings import Settings
from fixtures.configuration import WholeSettings
from gwkit.settings.description import describe_settings, env_example
from gwkit.settings.reader import load_settings

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", -1),
        ("port", 65_536),
        ("host", "two words"),
        ("host", ""),
        ("service_name", ""),
        ("service_name", "x" * 61),
        ("shutdown_grace_seconds", 0),
        ("log_level", "LOUD"),
        ("log_format", "xml"),
        ("log_file_max_bytes", 9_999),
        ("log_file_backups", 0),
        ("chunk_tokens", 31),
        ("chunk_overlap_tokens", -1),
        ("max_document_bytes", 999),
        ("top_k", 0),
        ("top_k", 101),
        ("min_grounding", 1.1),
        ("min_grounding", float("nan")),
        ("max_evidence_tokens", 99),
        ("default_model", "extractive"),
        ("embedding_model", "Offline:x"),
        ("max_tokens", 0),
        ("temperature", 2.1),
        ("enable_caching", "perhaps"),
        ("answer_cache_size", 0),
        ("requests_per_minute", 0),
        ("timeout_seconds", 0),
        ("timeout_seconds", float("inf")),
        ("max_body_bytes", 999),
    ],
)
def test_values_outside_their_range_are_refused(
    make_settings: MakeSettings, field: str, value: object
) -> None:
    """Each setting has a range, and the error is about that setting."""
    with pytest.raises(ValidationError) as caught:
        make_settings(**{field: value})
    assert [(field,)] == [error["loc"] for error in caught.value.errors()]


def test_an_overlap_of_more_than_half_a_chunk_is_refused(make_settings: MakeSettings) -> None:
    """Half is allowed, more is not, and both variables are named."""
    assert 64 == make_settings(chunk_tokens=128, chunk_overlap_tokens=64).chunk_overlap_tokens
    with pytest.raises(ValidationError, match=r"APP_CHUNK_OVERLAP_TOKENS \(65\).*APP_CHUNK_TOKENS"):
        make_settings(chunk_tokens=128, chunk_overlap_tokens=65)


def test_levels_and_formats_are_taken_in_any_case(make_settings: MakeSettings) -> None:
    """Lower case such as `debug` is accepted."""
    settings = make_settings(log_level="debug", log_format="JSON")
    assert ("DEBUG", "json") == (settings.log_level, settings.log_format)


def test_settings_do_not_change(settings: Settings) -> None:
    """Validated settings are immutable."""
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # that is the point


def test_unknown_arguments_are_refused(make_settings: MakeSettings) -> None:
    """A misspelt field in a test or script is an error, too."""
    with pytest.raises(ValidationError, match="prot"):
        make_settings(prot=1)


def test_every_setting_is_described() -> None:
    """Each has a group, a description that ends, a type, and a default that is in range."""
    described = describe_settings(WholeSettings)
    assert list(WholeSettings.model_fields) == [setting.name for setting in described]
    assert all(setting.description.endswith(".") for setting in described)
    assert all(setting.group and setting.type for setting in described)
    for setting in described:
        own = f"{ENV_PREFIX}{setting.name.upper()}"
        assert setting.variable in {own, own.removeprefix(ENV_PREFIX)}


def test_every_number_has_two_bounds() -> None:
    """No value can be large enough to take the service down."""
    numbers = [each for each in describe_settings(WholeSettings) if "number" in each.type]
    assert len(numbers) > 10
    assert [] == [
        each.name for each in numbers if not re.search(r" to |above .* at most", each.range)
    ]


def test_groups_are_the_classes() -> None:
    """A setting is below the first line of its class, and groups are not interleaved."""
    groups = [setting.group for setting in describe_settings(WholeSettings)]
    once = list(dict.fromkeys(groups))
    assert groups == sorted(groups, key=once.index)
    assert ["The service", "Logging", "The index", "Retrieval and answers"] == once[:4]


def test_the_example_file_has_every_variable_once() -> None:
    """Each is commented out, after its description, type, range and default."""
    text = env_example(WholeSettings)
    assert [each.variable for each in describe_settings(WholeSettings)] == re.findall(
        r"^# ([A-Z]\w+)=", text, re.MULTILINE
    )
    assert all(line.startswith("# ") for line in text.splitlines() if line)
    assert all(len(line) <= 100 for line in text.splitlines())
    assert (
        "# Port to listen on; 0 takes any.\n"
        "# Whole number, 0 to 65,535. Default: 8000.\n"
        "# APP_PORT=8000\n"
    ) in text


def test_the_example_file_says_the_defaults(tmp_path: Path) -> None:
    """With every line uncommented it loads, and changes nothing but its suggestions."""
    env_file = tmp_path / "example.env"
    env_file.write_text(
        re.sub(r"^# ([A-Z]\w+=)", r"\1", env_example(WholeSettings), flags=re.MULTILINE),
        encoding="utf-8",
    )
    settings = load_settings(WholeSettings, env_file=env_file)
    assert set(WholeSettings.model_fields) == settings.model_fields_set
    assert Path("var/service.log") == settings.log_file
    proposed = [one.name for one in describe_settings(WholeSettings) if one.example or one.secret]
    defaults = {name: WholeSettings.model_fields[name].default for name in proposed}
    assert WholeSettings() == settings.model_copy(update=defaults)


def test_plain_settings_are_what_they_are_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only a starting process reads the environment and `.env`, so neither affects tests."""
    (tmp_path / ".env").write_text("APP_PORT=1234\n", encoding="utf-8")
    monkeypatch.setenv("APP_PORT", "2345")
    assert 8000 == WholeSettings().port


def test_settings_are_pydantic_settings() -> None:
    """Groups are, too, so the checks on settings see every field."""
    bases = [base for base in Settings.__mro__ if base.__module__ == Settings.__module__]
    assert 6 == len(bases)
    assert all(issubclass(base, BaseSettings) for base in bases)
