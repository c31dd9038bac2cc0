import json
import logging
from collections.abc import Iterator

import pytest

from shared.observability.logging import configure, get_logger


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def _fail(password: str) -> None:
    raise RuntimeError(f"a password of {len(password)} letters failed")


def test_a_logged_exception_shows_its_frames_and_none_of_their_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("tests")
    try:
        _fail("Correct7Horse")
    except RuntimeError as error:
        get_logger("tests").error("it_failed", exc_info=error)
    printed = capsys.readouterr().err
    assert "Correct7Horse" not in printed
    (exception,) = json.loads(printed)["exception"]
    assert exception["exc_type"] == "RuntimeError"
    assert [frame["name"] for frame in exception["frames"]][-1] == "_fail"


def test_a_value_under_the_name_of_a_secret_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    configure("tests")
    get_logger("tests").info("hello", refresh_token="abc", user="mina")
    told = json.loads(capsys.readouterr().err)
    assert told["refresh_token"] == "[hidden]"
    assert told["user"] == "mina"


def test_logs_for_people_show_no_variables_either(capsys: pytest.CaptureFixture[str]) -> None:
    configure("tests", pretty=True)
    secret = "-".join(["Correct", "Horse"])  # put together: the log shows lines of code
    try:
        _fail(secret)
    except RuntimeError as error:
        get_logger("tests").error("it_failed", exc_info=error)
    printed = capsys.readouterr().err
    assert "a password of 13 letters failed" in printed
    assert secret not in printed
