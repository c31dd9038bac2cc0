"""The memory that the cache takes is bounded, and used for what is asked for."""

import tracemalloc

from gateway.cache.entry import Entry
from gateway.cache.key import Key, varied
from gateway.cache.store import Store
from gateway.cache.terms import Terms
from gateway.headers import HeaderList

HEADERS: HeaderList = [(b"content-type", b"application/json"), (b"content-length", b"1000")]


def key_of(number: int) -> Key:
    return "http", b"gate", b"/api/posts/%04d" % number, b""


def an_entry(number: int, *, seconds: float = 5.0, now: float = 0.0, size: int = 1000) -> Entry:
    headers = [(bytes(bytearray(name)), bytes(bytearray(value))) for name, value in HEADERS]
    return Entry(key_of(number), Terms(seconds, size, ()), headers, b"x" * size, now)


def test_what_nobody_has_asked_for_the_longest_goes_first() -> None:
    store = Store(3 * an_entry(0).size)
    for number in (1, 2, 3):
        store.put(key_of(number), an_entry(number), 0.0)
    assert store.find(key_of(1), {}, 0.0) is not None
    store.put(key_of(4), an_entry(4), 0.0)
    assert [number for number in (1, 2, 3, 4) if store.find(key_of(number), {}, 0.0)] == [1, 3, 4]


def test_the_bytes_are_those_of_what_is_kept() -> None:
    store = Store(10_000)
    for number in range(100):
        store.put(key_of(number), an_entry(number), 0.0)
        store.put(key_of(number), an_entry(number), 0.0)  # in place of the former
        assert store.bytes == len(store) * an_entry(number).size <= 10_000
    store.clear()
    assert (store.bytes, len(store)) == (0, 0)


def test_what_has_expired_is_not_found_and_makes_room() -> None:
    store = Store(100_000)
    store.put(key_of(1), an_entry(1, seconds=1.0), 0.0)
    assert store.find(key_of(1), {}, 0.999) is not None
    assert store.find(key_of(1), {}, 1.0) is None
    store.put(key_of(2), an_entry(2, now=1.0), 1.0)
    assert len(store) == 1


def test_an_answer_that_varies_is_kept_for_each_value() -> None:
    store = Store(100_000)
    terms = Terms(5.0, 2, (b"accept-language", b"origin"))
    for language in (b"de", b"ko"):
        fields = {b"accept-language": language}
        entry = Entry(varied(key_of(1), terms.varies, fields), terms, [], language, 0.0)
        store.put(key_of(1), entry, 0.0)
        assert store.find(key_of(1), fields, 0.0) is entry
    assert store.find(key_of(1), {b"accept-language": b"de"}, 0.0) is not None
    assert store.find(key_of(1), {b"accept-language": b"en"}, 0.0) is None
    assert store.find(key_of(1), {b"accept-language": b"de", b"origin": b"a"}, 0.0) is None


def test_what_varies_and_is_asked_for_stays_as_others_do() -> None:
    store = Store(4 * an_entry(0).size)
    terms, fields = Terms(5.0, 2, (b"origin",)), {b"origin": b"a"}
    entry = Entry(varied(key_of(0), terms.varies, fields), terms, [], b"ok", 0.0)
    store.put(key_of(0), entry, 0.0)
    for number in range(1, 20):
        store.put(key_of(number), an_entry(number), 0.0)
        assert store.find(key_of(0), fields, 0.0) is entry


def test_its_bytes_are_about_those_that_python_takes() -> None:
    tracemalloc.start()
    try:
        store = Store(4_000_000)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(5000):
            store.put(key_of(number), an_entry(number), 0.0)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.6 < (after - before) / store.bytes < 1.1
