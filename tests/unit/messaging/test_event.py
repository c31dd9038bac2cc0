from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from shared.messaging.event import Envelope, IntegrationEvent, bodies_in, decode, encode

ENVELOPE = Envelope(
    id=UUID("01900000-0000-7000-8000-000000000001"),
    source="auth",
    type="auth.user.registered",
    time=datetime(2026, 1, 1, tzinfo=UTC),
    subject="7",
    dataschema="auth.user.registered/v1",
    data=msgspec.Raw(b'{"handle":"mina"}'),
    request_id="r-1",
    must_be_heard=False,
)


def test_an_envelope_survives_the_wire() -> None:
    assert decode(encode(ENVELOPE)) == ENVELOPE


def test_every_attribute_name_is_allowed_by_cloudevents() -> None:
    names = msgspec.json.decode(encode(ENVELOPE)).keys()
    assert all(name.isascii() and name.isalnum() and name == name.lower() for name in names)


def test_the_data_is_left_as_it_came() -> None:
    assert bytes(decode(encode(ENVELOPE)).data) == b'{"handle":"mina"}'


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": "7"}', b"\xff"])
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(body)


def test_one_envelope_is_written_as_itself_and_several_as_a_list() -> None:
    assert bodies_in(encode(ENVELOPE)) == [encode(ENVELOPE)]
    assert bodies_in(encode(ENVELOPE, ENVELOPE)) == [encode(ENVELOPE)] * 2


def test_what_is_apart_is_left_as_it_came() -> None:
    assert bodies_in(b'[{"colour": "red"} , 7]') == [b'{"colour": "red"}', b"7"]


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"[" * 5000, b'[{"id": "7"}', b"[\xff]"])
def test_what_is_no_list_is_one(body: bytes) -> None:
    assert bodies_in(body) == [body]


def test_an_event_must_name_its_subject() -> None:
    class Nameless(IntegrationEvent, frozen=True):
        TYPE = "tests.nameless"

    with pytest.raises(NotImplementedError, match="Nameless"):
        _ = Nameless().subject


@pytest.mark.parametrize("body", [b"[" * 5000, b'{"data":' * 5000, b'{"id": "\xff"}', b"[]", b""])
def test_what_is_no_event_is_one_error(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(body)
