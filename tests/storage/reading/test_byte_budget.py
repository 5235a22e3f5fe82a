"""Order, bound and progress of readers that share a budget of bytes."""

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osrmac.errors import StorageError
from osrmac.prefetch import prefetch
from osrmac.storage.reading.byte_budget import ByteBudget

BUDGET, CHUNK = 10, 3


class _Readers:
    """Readers of contents of given sizes, which record what is held at any moment."""

    def __init__(self, sizes: Sequence[tuple[int, bool]]) -> None:
        self.sizes = sizes
        self.budget = ByteBudget(BUDGET)
        self.held = [0] * len(sizes)
        self.most = 0
        self._lock = threading.Lock()

    def read(self, number: int) -> int:
        """Read a content in chunks, as long as they fit; otherwise wait, and read from the start."""
        size, known = self.sizes[number]
        steps = [size] if known else [*range(CHUNK, size, CHUNK), size]
        while True:
            for step in steps:
                if not self.budget.hold(number, step):
                    break
                self._record(number, step)
            else:
                return number
            self._record(number, 0)
            self.budget.wait(number, size if known else None)

    def _record(self, number: int, held: int) -> None:
        with self._lock:
            self.held[number] = held
            self.most = max(self.most, sum(self.held))

    def consume(self, threads: int) -> list[int]:
        """Take all contents, and return their numbers in the order in which they come."""
        taken = []
        contents = prefetch(self.read, range(len(self.sizes)), threads=threads, depth=threads, cancel=self.budget.close)
        for number in range(len(self.sizes)):
            self._record(max(number - 1, 0), 0)
            self.budget.take(number)
            taken.append(next(contents))
        contents.close()
        return taken


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=20), st.integers(1, 5))
def test_readers_finish_in_order_within_the_budget_and_one_content(sizes: list[tuple[int, bool]], threads: int) -> None:
    readers = _Readers(sizes)
    assert readers.consume(threads) == list(range(len(sizes)))
    assert readers.most <= BUDGET + max((size for size, _ in sizes), default=0)


def test_small_contents_are_not_held_up() -> None:
    budget = ByteBudget(BUDGET)
    assert [budget.hold(number, 2) for number in range(7)] == [True] * 6 + [False]


def test_the_content_that_is_taken_next_may_exceed_the_budget() -> None:
    budget = ByteBudget(BUDGET)
    assert budget.hold(1, BUDGET)
    assert budget.hold(0, 1000)
    assert not budget.hold(2, 1)
    budget.take(1)
    assert budget.hold(2, BUDGET)


def test_what_an_earlier_reader_waits_for_is_not_given_to_a_later_one() -> None:
    budget = ByteBudget(BUDGET)
    budget.hold(1, BUDGET)
    order = []

    def wait(number: int, size: int) -> None:
        budget.wait(number, size)
        order.append(number)
        budget.take(number + 1)

    threads = [threading.Thread(target=wait, args=arguments) for arguments in ((3, 1), (2, 9))]
    for thread in threads:
        thread.start()
    budget.take(2)
    for thread in threads:
        thread.join(10)
    assert order == [2, 3]


def test_readers_do_not_wait_for_a_consumer_that_has_gone() -> None:
    readers = _Readers([(BUDGET, True)] * 9)
    contents = prefetch(readers.read, range(9), threads=3, depth=3, cancel=readers.budget.close)
    readers.budget.take(0)
    next(contents)
    contents.close()  # waits for the threads
    with pytest.raises(StorageError, match="not needed any more"):
        readers.budget.hold(5, 1)
