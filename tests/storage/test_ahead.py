from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from osrmac.storage.ahead import ahead


def test_results_come_in_order_and_few_are_made_ahead() -> None:
    taken: list[int] = []

    def given() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as threads:
        results = ahead(threads, lambda number: number * number, given(), 3)
        assert next(results) == 0
        assert taken == [0, 1, 2]
        assert list(results) == [number * number for number in range(1, 10)]
