"""INRIA Holidays (Jegou et al. 2008): groups by file name, the first of each group asks for the others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query, by_stem

__all__ = ["SIZE", "load"]

SIZE = 1491
_GROUP = 100


def load(ground_truth: Mapping[str, str], collection: Iterable[str], *, subset: bool) -> Benchmark:
    """Mean average precision over the first image of each group, which is taken out of its own ranking.

    `100000.jpg` is a query, since its number ends in 00; the rest of its hundred is relevant.

    Args:
        ground_truth: A list of all image names, one a line, under any file name; or empty, and
            the collection itself is the list.
        collection: Ids of the images to be ranked.
        subset: Whether a collection that is its own list may be smaller than the benchmark.

    Raises:
        BenchmarkError: A name is no Holidays number, or the list is incomplete.
    """
    listed = [name for text in ground_truth.values() for name in text.split()]
    names = {by_stem(name) for name in listed or collection}
    if not subset and len(names) < SIZE:
        raise BenchmarkError(
            f"holidays has {SIZE} images, but only {len(names)} are here: add the rest, or score these with --subset"
        )
    groups = defaultdict(list)
    for name in sorted(names):
        if not name.isdecimal():
            raise BenchmarkError(f"{name!r} is no image of holidays: their names are numbers such as 100000.jpg")
        groups[int(name) // _GROUP].append(name)
    queries = tuple(_query(*members) for _, members in sorted(groups.items()) if _asks(members))
    return Benchmark("holidays", {"first": queries}, ("mAP",), SIZE)


def _asks(members: list[str]) -> bool:
    return len(members) > 1 and int(members[0]) % _GROUP == 0


def _query(first: str, *others: str) -> Query:
    return Query(first, first, positives=frozenset(others), junk=frozenset([first]))
