"""What clients say, and what they are sent."""

from contextlib import suppress
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.streams import StreamReader

from gateway.realtime.conversation import Auth, NotUnderstood, Ping, understood
from gateway.realtime.events import JobNews, message_of
from gateway.realtime.messages import EventMessage, Message, stream_event, text_frame
from shared.clock import SystemClock
from shared.ids import uuid7
from shared.messaging.event import Envelope
from tests.support.realtime import a_user, job_event


def test_what_a_client_may_say_is_understood() -> None:
    assert understood('{"type":"ping"}') == Ping()
    assert understood('{"type":"auth","token":"t"}') == Auth("t")
    said = '{"type":"auth","token":"t","last_event_id":"e","of the future":1}'
    assert understood(said) == Auth("t", "e")


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (None, "binary"),
        ("", "truncated"),
        ("[]", "object"),
        ('{"type":"dance"}', "dance"),
        ('{"type":"auth"}', "token"),
        ('{"type":"auth","token":1}', "str"),
        ('{"type":"auth","token":"t","last_event_id":"' + "x" * 65 + '"}', "64"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(said: str | None, wrong: str) -> None:
    with pytest.raises(NotUnderstood, match=wrong):
        understood(said)


@given(st.one_of(st.text(), st.from_regex(r'\{"type":"(auth|ping)".*\}')))
def test_whatever_is_said_is_understood_or_refused(said: str) -> None:
    with suppress(NotUnderstood):
        assert isinstance(understood(said), Auth | Ping)


@pytest.mark.parametrize("length", [1, 125, 126, 65535, 65536])
def test_a_frame_is_as_a_client_reads_it(length: int) -> None:
    reader = StreamReader()
    reader.feed_data(text_frame(b"x" * length))
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)
    assert parsed.value.value.data == b"x" * length


def test_an_event_of_a_stream_has_its_id_its_type_and_its_data() -> None:
    assert stream_event("a.b", b"{}", "7") == b"id: 7\nevent: a.b\ndata: {}\n\n"
    assert stream_event("resume", b"{}") == b"event: resume\ndata: {}\n\n"


def test_the_body_of_a_message_is_its_json() -> None:
    news = JobNews(uuid4(), uuid4(), "captions", 1, uuid4())
    event = EventMessage(uuid7(), "jobs.job.queued", SystemClock().now(), news)
    assert msgspec.json.decode(Message(event, news, 0.0).body)["id"] == str(event.id)


def test_fields_that_are_not_ours_to_tell_stay_here() -> None:
    user = a_user()
    heard_by, message = message_of(job_event(user, "queued", price_we_paid=7), 0.0)
    assert heard_by == user.id
    assert b"price" not in message.body
    assert msgspec.json.decode(message.body)["data"].keys() == {
        "job_id", "owner_id", "job_type", "video_id", "revision",
    }  # fmt: skip


def test_an_event_that_does_not_say_whose_it_is_is_told_to_nobody() -> None:
    envelope: Envelope = job_event(a_user(), "queued", owner_id=None)
    with pytest.raises(msgspec.ValidationError):
        message_of(envelope, 0.0)
