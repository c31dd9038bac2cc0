from shared.messaging.batches import batched
from shared.messaging.event import Envelope
from tests.support.messaging import envelope_of


def said(envelopes: list[Envelope]) -> list[list[str]]:
    """The messages, each event as its type and subject."""
    return [[f"{one.type} {one.subject}" for one in message] for message in batched(envelopes)]


def test_events_of_one_type_travel_together_in_their_order() -> None:
    events = [envelope_of(1, "a"), envelope_of(2, "b"), envelope_of(3, "a"), envelope_of(4, "b")]
    assert said(events) == [["a 1", "a 3"], ["b 2", "b 4"]]


def test_what_is_said_of_one_subject_stays_in_its_order() -> None:
    events = [envelope_of(1, "end"), envelope_of(2, "begin"), envelope_of(2, "end")]
    assert said(events) == [["end 1"], ["begin 2"], ["end 2"]]


def test_a_message_holds_fifty_at_most() -> None:
    messages = said([envelope_of(number, "a") for number in range(120)])
    assert [len(message) for message in messages] == [50, 50, 20]
    assert [one for message in messages for one in message] == [f"a {n}" for n in range(120)]


def test_what_need_not_be_heard_or_is_for_some_alone_does_not_travel_with_the_rest() -> None:
    events = [
        envelope_of(1, "a"),
        envelope_of(2, "a", must_be_heard=False),
        envelope_of(3, "a", only_for="tests.numbers"),
        envelope_of(4, "a"),
    ]
    assert said(events) == [["a 1", "a 4"], ["a 2"], ["a 3"]]


def test_nothing_is_no_message() -> None:
    assert batched([]) == []
