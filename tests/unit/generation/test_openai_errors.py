"""What a provider says of its errors is understood, whatever it says."""

import pytest

from jobs_service.generation.openai_errors import ErrorReader


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("17", "17"), (" 17 ", "17"), ("0", "1"), ("9" * 5000, "3600"), ("\xb2", "10"), ("-1", "10")],
)
def test_any_retry_after_comes_to_a_number_of_seconds(retry_after: str, seconds: str) -> None:
    problem = ErrorReader(None).of_answer(429, b"{}", retry_after)
    assert problem.headers == {"retry-after": seconds}
