"""Request and trace ids: harmless ones are kept, the rest is made anew."""

import re

import pytest

from shared.observability.context import accepted_request_id, child_traceparent

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("given", ["abc", "A-1_b.c", "x" * 64])
def test_a_harmless_request_id_is_kept(given: str) -> None:
    assert accepted_request_id(given) == given


@pytest.mark.parametrize("given", ["", "a b", "a\nb", "x" * 65, "é", '{"a":1}'])
def test_any_other_request_id_is_replaced(given: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", accepted_request_id(given))


def test_a_child_stays_in_its_parents_trace_with_a_span_of_its_own() -> None:
    child = child_traceparent(PARENT)
    assert child[:35] == PARENT[:35]
    assert child[36:52] != PARENT[36:52]
    assert child.endswith("-01")


@pytest.mark.parametrize("broken", ["", "garbage", PARENT.upper(), PARENT + "-x"])
def test_what_is_no_trace_begins_a_new_one(broken: str) -> None:
    child = child_traceparent(broken)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", child)


def test_an_all_zero_trace_is_none() -> None:
    zero = f"00-{'0' * 32}-00f067aa0ba902b7-01"
    assert child_traceparent(zero)[3:35] != "0" * 32
