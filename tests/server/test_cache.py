import threading

import pytest

from osrmac.server.cache import Cache


def test_a_value_is_made_once() -> None:
    cache = Cache[str](10)
    made = []
    for value in ("first", "second", "third"):

        def make(value: str = value) -> str:
            made.append(value)
            return value

        cache.get(value == "second", make)
    assert made == ["first", "second"]
    assert (cache.find(False), cache.find(True), cache.find("other")) == ("first", "second", None)


def test_the_values_that_were_used_last_are_held() -> None:
    cache = Cache[str](2)
    for key in "abac":
        cache.get(key, key.upper)
    assert [cache.find(key) for key in "abc"] == ["A", None, "C"]


def test_sizes_are_added_up_and_a_larger_value_is_not_held() -> None:
    cache = Cache[bytes](10, len)
    cache.get("a", lambda: bytes(6))
    cache.get("b", lambda: bytes(4))
    assert (cache.find("a"), cache.find("b")) == (bytes(6), bytes(4))
    cache.get("c", lambda: bytes(5))
    assert (cache.find("a"), cache.find("b"), cache.find("c")) == (None, bytes(4), bytes(5))
    assert cache.get("d", lambda: bytes(11)) == bytes(11)
    assert cache.find("d") is None


def test_an_error_is_not_held() -> None:
    cache = Cache[str](1)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: str(1 // 0))
    assert cache.get("a", lambda: "A") == "A"


def test_threads_that_make_the_same_value_count_it_once() -> None:
    cache, together = Cache[bytes](10, len), threading.Barrier(4)

    def make() -> bytes:
        together.wait()
        return bytes(4)

    threads = [threading.Thread(target=cache.get, args=("a", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.get("b", lambda: bytes(6))
    assert (cache.find("a"), cache.find("b")) == (bytes(4), bytes(6))
