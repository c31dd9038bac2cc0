"""Settings: every mistake at once and by name, from the environment or from files."""

from pathlib import Path

import pytest

from shared.settings import BadSettings, ServiceSettings, load, load_or_exit

GOOD = {
    "SECRET_KEY": "x" * 32,
    "DATABASE_URL": "postgresql+asyncpg://role:password@host/db",
    "AMQP_URL": "amqp://guest:guest@host/",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    for name in (*GOOD, "PORT", "DEBUG", "ENVIRONMENT", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def put(environment: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in (GOOD | values).items():
        environment.setenv(name, value)


def test_good_settings_are_read(environment: pytest.MonkeyPatch) -> None:
    put(environment, PORT="9000")
    settings = load(ServiceSettings)
    assert settings.port == 9000
    assert settings.secret_key.get_secret_value() == "x" * 32


def test_every_mistake_is_listed_by_its_variable(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PORT", "many")
    environment.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(BadSettings) as caught:
        load(ServiceSettings)
    lines = str(caught.value).splitlines()
    named = {line.partition(":")[0] for line in lines}
    assert named == {"PORT", "LOG_LEVEL", "SECRET_KEY", "DATABASE_URL", "AMQP_URL"}


def test_what_depends_on_several_variables_hides_nothing_and_is_not_hidden(
    environment: pytest.MonkeyPatch,
) -> None:
    put(environment, PORT="many", SECRET_KEY="short", ENVIRONMENT="production", DEBUG="true")
    with pytest.raises(BadSettings) as caught:
        load(ServiceSettings)
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["DEBUG", "PORT", "SECRET_KEY"]


def test_a_mistake_names_its_value_and_what_would_be_right(
    environment: pytest.MonkeyPatch,
) -> None:
    put(environment, PORT="70000", LOG_LEVEL="LOUD")
    environment.delenv("DATABASE_URL")
    with pytest.raises(BadSettings) as caught:
        load(ServiceSettings)
    told = str(caught.value)
    assert "PORT: '70000' is refused: input should be less than or equal to 65535" in told
    assert "LOG_LEVEL: 'LOUD' is refused: input should be 'DEBUG', 'INFO'" in told
    assert "DATABASE_URL: it is missing. This service's own role: postgresql+asyncpg://" in told


def test_no_value_of_a_secret_is_repeated(environment: pytest.MonkeyPatch) -> None:
    secret = "short-secret"
    put(environment, SECRET_KEY=secret, DATABASE_URL=secret, AMQP_URL=secret)
    with pytest.raises(BadSettings) as caught:
        load(ServiceSettings)
    told = str(caught.value)
    assert "DATABASE_URL: it must begin with postgresql+asyncpg://" in told
    assert "AMQP_URL: it must begin with amqp:// or amqps://" in told
    assert "SECRET_KEY: it must have at least 32 characters" in str(caught.value)
    assert "short-secret" not in str(caught.value)


def test_a_value_may_come_from_a_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(environment)
    environment.delenv("SECRET_KEY")
    (tmp_path / "key").write_text("y" * 40 + "\n")
    environment.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert load(ServiceSettings).secret_key.get_secret_value() == "y" * 40


def test_an_empty_value_counts_as_none(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(environment, PORT="", ENVIRONMENT="", SECRET_KEY="")
    (tmp_path / ".env").write_text("LOG_LEVEL=\n")
    with pytest.raises(BadSettings, match=r"\ASECRET_KEY: it is missing\. .*\Z"):
        load(ServiceSettings)
    (tmp_path / "key").write_text("y" * 40)
    environment.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    settings = load(ServiceSettings)
    assert (settings.environment, settings.log_level) == ("development", "INFO")
    assert settings.secret_key.get_secret_value() == "y" * 40


def test_a_file_that_cannot_be_read_is_named(environment: pytest.MonkeyPatch) -> None:
    put(environment)
    environment.setenv("SECRET_KEY_FILE", "/nowhere/key")
    environment.delenv("SECRET_KEY")
    with pytest.raises(
        BadSettings,
        match="SECRET_KEY: SECRET_KEY_FILE cannot be read: '/nowhere/key': No such file",
    ):
        load(ServiceSettings)


def test_a_file_that_is_no_text_hides_no_other_mistake(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(environment, PORT="many")
    environment.delenv("SECRET_KEY")
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    environment.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(BadSettings, match=r"PORT: .*\nSECRET_KEY: .* it is no text"):
        load(ServiceSettings)


def test_production_refuses_debug(environment: pytest.MonkeyPatch) -> None:
    put(environment, ENVIRONMENT="production", DEBUG="true")
    with pytest.raises(BadSettings, match="DEBUG: it must be false"):
        load(ServiceSettings)


def test_an_entry_point_prints_the_mistakes_and_ends_with_2(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        load_or_exit(ServiceSettings)
    assert ended.value.code == 2
    assert "DATABASE_URL" in capsys.readouterr().err
