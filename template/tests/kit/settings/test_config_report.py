"""Reading of settings, and the report of all their problems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, Field, SecretStr

from app.config.settings import Settings
from fixtures.configuration import WholeSettings
from gwkit.errors import ConfigError
from gwkit.settings.reader import load_settings

CANARY = "canary-secret-4711"

pytestmark = pytest.mark.usefixtures("tmp_path")


def _refuse(value: SecretStr) -> SecretStr:
    """Be a validator that repeats the value."""
    if value.get_secret_value().startswith("canary"):
        raise ValueError(f"{value.get_secret_value()} is no good key")
    return value


class SecretSettings(Settings):
    """Settings with secrets, and with a list."""

    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias="OPENAI_API_KEY", min_length=30, description="A key."
    )
    other_key: Annotated[SecretStr, AfterValidator(_refuse)] = Field(
        default=SecretStr(""), description="Another key."
    )
    tags: tuple[str, ...] = Field(default=(), description="Words.")


class RequiredSettings(Settings):
    """Settings without a default."""

    tenant: str = Field(description="Whose service it is.")


def problems(
    *, env_file: Path | None = Path(".env"), settings_type: type[Settings] = WholeSettings
) -> tuple[str, ...]:
    """Return the report of settings that cannot be loaded."""
    with pytest.raises(ConfigError) as caught:
        load_settings(settings_type, env_file=env_file)
    return caught.value.problems


def write(*lines: str) -> None:
    """Write the `.env` of the working directory."""
    Path(".env").write_text("\n".join(lines), encoding="utf-8")


def test_nothing_set_means_the_defaults() -> None:
    """Neither a file nor a variable is needed."""
    assert WholeSettings() == load_settings(WholeSettings)
    assert set() == load_settings(WholeSettings).model_fields_set


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is ignored, so it does not hide the file's."""
    write("APP_PORT=1111", "APP_TOP_K=11", "APP_HOST=::1", "APP_LOG_FILE=")
    monkeypatch.setenv("APP_PORT", "2222")
    monkeypatch.setenv("APP_HOST", "")
    settings = load_settings(WholeSettings)
    assert (2222, 11, "::1", None) == (
        settings.port,
        settings.top_k,
        settings.host,
        settings.log_file,
    )
    assert {"port", "top_k", "host"} == settings.model_fields_set


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("'a${HOME}b'", "a${HOME}b"),
        ("'a${HOME:-x}b' # a comment, isn't it", "a${HOME:-x}b"),
        (r"'C:\new\\folder'", r"C:\new\\folder"),
        ("'C:\\folder\\'", "C:\\folder\\"),
        ("'a # b'", "a # b"),
        ("'say \"${APP_PORT}\"'", 'say "${APP_PORT}"'),
        (r"'it\'s ${HOME}'", "it's ${HOME}"),
        ('"a${APP_PORT}b"', "a1111b"),
        ("a${APP_PORT}b", "a1111b"),
        ("${NOWHERE:-x}", "x"),
        (r'"a\"b"', 'a"b'),
    ],
)
def test_a_single_quoted_value_is_literal(written: str, meant: str) -> None:
    """It works as in a shell; double quotes have variables and escapes, bare values variables."""
    write(
        "\ufeffAPP_PORT=1111",
        "",
        "# a comment",
        f"export APP_SERVICE_NAME = {written}",
        "APP_TOP_K='3'",
    )
    settings = load_settings(WholeSettings)
    assert (1111, meant, 3) == (settings.port, settings.service_name, settings.top_k)


def test_no_file_is_read_where_none_is_wanted() -> None:
    """`env_file=None` ignores `.env`."""
    write("APP_PORT=1111")
    assert 8000 == load_settings(WholeSettings, env_file=None).port


@pytest.mark.parametrize("name", ["app_port", "App_Port", "APP_PORT"])
def test_names_count_in_any_case(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Upper case is only a convention."""
    monkeypatch.setenv(name, "1234")
    assert 1234 == load_settings(WholeSettings).port


def test_of_two_spellings_the_one_in_capitals_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of the environment does not matter."""
    monkeypatch.setenv("APP_PORT", "1")
    monkeypatch.setenv("app_port", "2")
    monkeypatch.setenv("App_Port", "3")
    assert 1 == load_settings(WholeSettings).port


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("APP_PROT", "APP_PORT"),
        ("APP_LOGLEVEL", "APP_LOG_LEVEL"),
        ("app_tempratur", "APP_TEMPERATURE"),
        ("APP_CHUNK_TOKEN", "APP_CHUNK_TOKENS"),
        ("APP_CACHING", "APP_ENABLE_CACHING"),
    ],
)
@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_misspelt_name_is_refused_with_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str, place: str
) -> None:
    """In the environment and the file, and without its value, which may be a secret."""
    if place == "file":
        write(f"{name}={CANARY}")
    else:
        monkeypatch.setenv(name, CANARY)
    origin = ".env" if place == "file" else "the environment"
    assert (f"{name}: unknown setting in {origin}; did you mean {meant}?",) == problems()


def test_a_name_like_no_other_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an unlikely suggestion; also if it is empty."""
    monkeypatch.setenv("APP_ZZZZ", "")
    assert (
        "APP_ZZZZ: unknown setting in the environment; see .env.example for all names",
    ) == problems()


def test_names_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vendors' keys may be in the file; only `APP_` names are ours."""
    write(f"OTHER_API_KEY={CANARY}", "REDIS_URL=x", "APPLE=1", "PORT=1")
    monkeypatch.setenv("APPDATA", "x")
    assert WholeSettings() == load_settings(WholeSettings)


def test_every_problem_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines, names, values and rules across fields, of both sources, in one error."""
    write(
        "APP_PROT=1",
        "",
        "",
        "this is no assignment",
        "APP_TOP_K=many",
        'APP_HOST="unclosed',
        "APP_CHUNK_OVERLAP_TOKENS=200",
    )
    monkeypatch.setenv("APP_PORT", "99999")
    monkeypatch.setenv("APP_LOG_LEVEL", "LOUD")
    monkeypatch.setenv("APP_TIMEOUT", "3")
    form = "not of the form NAME=value (a comment starts with #, and quotes must be closed)"
    expected = {
        f".env, line 4: {form}",
        f".env, line 6: {form}",
        "APP_PROT: unknown setting in .env; did you mean APP_PORT?",
        "APP_TIMEOUT: unknown setting in the environment; did you mean APP_TIMEOUT_SECONDS?",
        (
            "APP_PORT: '99999' in the environment: input should be less than or equal to 65535; "
            "allowed: whole number, 0 to 65,535"
        ),
        (
            "APP_TOP_K: 'many' in .env: input should be a valid integer, "
            "unable to parse string as an integer; allowed: whole number, 1 to 100"
        ),
        (
            "APP_LOG_LEVEL: 'LOUD' in the environment: input should be 'DEBUG', 'INFO', 'WARNING', "
            "'ERROR' or 'CRITICAL'; allowed: one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
        ),
        "APP_CHUNK_OVERLAP_TOKENS (200) must be at most half of APP_CHUNK_TOKENS (256)",
    }
    assert sorted(expected) == sorted(problems())


def test_a_rule_across_fields_is_reported_beside_an_unknown_name() -> None:
    """Each is found before the other is corrected."""
    write("APP_PROT=1", "APP_CHUNK_TOKENS=100", "APP_CHUNK_OVERLAP_TOKENS=51")
    assert (
        "APP_PROT: unknown setting in .env; did you mean APP_PORT?",
        "APP_CHUNK_OVERLAP_TOKENS (51) must be at most half of APP_CHUNK_TOKENS (100)",
    ) == problems()


def test_a_rule_is_left_out_where_one_of_its_fields_is_wrong() -> None:
    """An invalid value is not compared."""
    write("APP_CHUNK_TOKENS=lots", "APP_CHUNK_OVERLAP_TOKENS=200")
    [line] = problems()
    assert line.startswith("APP_CHUNK_TOKENS: 'lots' in .env: ")


def test_an_unknown_name_alone_stops_the_start() -> None:
    """Also if everything else is valid."""
    write("APP_PORT=1234", "APP_PROT=1")
    assert 1 == len(problems())


def test_a_missing_required_setting_is_named() -> None:
    """The report has its type, with the other problems."""
    write("APP_PORT=x")
    first, second = problems(settings_type=RequiredSettings)
    assert first.startswith("APP_PORT: 'x' in .env: ")
    assert "APP_TENANT: required and not set; allowed: text" == second


def test_no_secret_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the value of a secret setting, nor a validator's copy of it."""
    write(f"OPENAI_API_KEY={CANARY}", "APP_TAGS=[", f"broken {CANARY} line")
    monkeypatch.setenv("APP_OTHER_KEY", CANARY)
    lines = problems(settings_type=SecretSettings)
    assert CANARY not in "\n".join(lines)
    assert 4 == len(lines)
    assert any(line.startswith("OPENAI_API_KEY: the value in .env: ") for line in lines)
    assert (
        "APP_OTHER_KEY: the value in the environment: ********** is no good key; "
        "allowed: secret text"
    ) in lines


def test_a_key_in_the_wrong_place_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that looks like a secret is masked, whatever setting it was given to."""
    monkeypatch.setenv("APP_PORT", "sk-ant-api03-abcdefgh1234")
    [line] = problems()
    assert line.startswith("APP_PORT: '**********' in the environment: ")


def test_a_vendors_key_is_read_by_its_own_name() -> None:
    """From the file as from the environment, in any case, and it is a secret."""
    key = "k" * 40
    write(f"openai_api_key={key}", 'APP_TAGS=["a", "b"]')
    settings = load_settings(SecretSettings)
    assert settings.openai_api_key is not None
    assert key == settings.openai_api_key.get_secret_value()
    assert ("a", "b") == settings.tags


def test_a_list_that_is_no_json_is_reported_like_the_rest() -> None:
    """It is reported as a wrong value of its variable, with the other problems."""
    write("APP_TAGS=a,b", "APP_PORT=x")
    lines = problems(settings_type=SecretSettings)
    assert ["APP_PORT", "APP_TAGS"] == sorted(line.partition(":")[0] for line in lines)
    assert any(
        "'a,b' in .env: input should be a valid tuple; allowed: list" in each for each in lines
    )


def test_values_are_shown_short_and_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value cannot fill the screen, forge a line, or control the terminal."""
    monkeypatch.setenv("APP_PORT", "1\nAPP_HOST: fine\x1b[2J\u202e" + "9" * 500)
    [line] = problems()
    assert line.startswith(r"APP_PORT: '1\nAPP_HOST: fine\x1b[2J\u202e999")
    assert len(line) < 250
    assert line.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffAPP_PORT=1234\n",
        "export APP_PORT=1234\r\n",
        "APP_PORT = '1234'  # a comment",
        '# a comment\n\nAPP_PORT="1234"',
        "OTHER=1234\nAPP_PORT=${OTHER}\n",
        "APP_PORT=1\nAPP_PORT=1234\n",
    ],
)
def test_usual_forms_of_the_file_are_read(text: str) -> None:
    """Byte order mark, `export`, quotes, comments, references, and the last of several."""
    Path(".env").write_bytes(text.encode())
    assert 1234 == load_settings(WholeSettings).port


@pytest.mark.parametrize("line", ["APP_PORT", "APP_PORT: 1", "hello world", "APP PORT=1", "=1"])
def test_lines_that_assign_nothing_are_problems(line: str) -> None:
    """Each has its number and no content, which may be a secret."""
    write("# first", "", line, "APP_TOP_K=3")
    [problem] = problems()
    assert problem.startswith(".env, line 3: not of the form NAME=value")


def test_a_file_that_is_not_text_is_a_problem() -> None:
    """The report has the byte, and the environment is still checked."""
    Path(".env").write_bytes(b"APP_PORT=\xff\n")
    assert (".env: not UTF-8 text, at byte 9; save it as UTF-8",) == problems()


def test_a_directory_is_a_problem() -> None:
    """Docker creates one if a mounted file is missing."""
    Path(".env").mkdir()
    assert (".env: cannot be read: Is a directory",) == problems()


def test_a_file_that_cannot_be_opened_is_a_problem() -> None:
    """Silent defaults would be worse."""
    [problem] = problems(env_file=Path("n" * 300))
    assert problem.endswith("n: cannot be read: File name too long")
