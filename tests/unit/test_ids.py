"""UUIDv7: sorted by the time of making, unique, and marked as what they are."""

import threading
import time

from shared.ids import uuid7


def test_ids_are_of_version_7_and_of_the_rfc_variant() -> None:
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_an_id_tells_the_millisecond_of_its_making() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7().int >> 80
    assert before <= made <= time.time_ns() // 1_000_000 + 100


def test_ids_of_one_process_only_grow_even_across_threads() -> None:
    made: list[list[int]] = [[] for _ in range(4)]

    def make(into: list[int]) -> None:
        into += [uuid7().int for _ in range(5_000)]

    threads = [threading.Thread(target=make, args=(one,)) for one in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one == sorted(one) for one in made)
    assert len({each for one in made for each in one}) == 20_000
