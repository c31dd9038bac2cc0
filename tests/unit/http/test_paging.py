"""Cursors are opaque, typed and cannot be made up."""

from uuid import UUID

import pytest

from shared.errors import Invalid
from shared.http.paging import Cursors
from shared.ids import uuid7

cursors = Cursors(b"a secret")


def test_a_cursor_round_trips() -> None:
    position = (uuid7(), 5)
    assert cursors.decode(cursors.encode(position), tuple[UUID, int]) == position


@pytest.mark.parametrize("made_up", ["", "abc", "!!!!", "AAAA" * 10, "é"])
def test_a_made_up_cursor_is_refused(made_up: str) -> None:
    with pytest.raises(Invalid) as caught:
        cursors.decode(made_up, tuple[UUID])
    assert caught.value.errors[0].field == "cursor"


def test_a_cursor_of_another_installation_is_refused() -> None:
    foreign = Cursors(b"another").encode((uuid7(),))
    with pytest.raises(Invalid):
        cursors.decode(foreign, tuple[UUID])


def test_a_changed_cursor_is_refused() -> None:
    genuine = cursors.encode((1,))
    with pytest.raises(Invalid):
        cursors.decode(genuine[:-2] + "xx", tuple[int])


def test_the_last_page_has_no_cursor() -> None:
    page = cursors.page([1, 2], 2, lambda last: (last,))
    assert (page.items, page.next_cursor) == ([1, 2], None)


def test_a_further_page_continues_after_the_last_row_shown() -> None:
    page = cursors.page([1, 2, 3], 2, lambda last: (last,))
    assert page.items == [1, 2]
    assert page.next_cursor is not None
    assert cursors.decode(page.next_cursor, tuple[int]) == (2,)
