"""Request and trace ids: harmless ones are kept, the rest is made anew."""

import re

import pytest

from shared.observability import context
from shared.observability.context import accepted_request_id, begin, child_traceparent

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


def test_a_request_that_brings_no_ids_is_found_by_one_word() -> None:
    request_id, trace = begin(None, None)
    assert re.fullmatch(r"[0-9a-f]{32}", request_id)
    assert re.fullmatch(rf"00-{request_id}-[0-9a-f]{{16}}-01", trace)
    assert (context.request_id.get(), context.traceparent.get()) == (request_id, trace)
    assert begin(None, None)[0] != request_id


def test_the_ids_that_a_request_brings_are_kept() -> None:
    request_id, trace = begin(b"mine", PARENT.encode())
    assert (request_id, trace[:35]) == ("mine", PARENT[:35])
    assert (context.request_id.get(), context.traceparent.get()) == (request_id, trace)
    assert begin(b"mine", None)[0] == "mine"
    assert begin(None, PARENT.encode())[1][:35] == PARENT[:35]


def test_harmful_ids_are_replaced() -> None:
    request_id, trace = begin(b"a b", "00-é".encode())
    assert re.fullmatch(r"[0-9a-f]{32}", request_id)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace)
