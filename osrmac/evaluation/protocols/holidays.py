"""INRIA Holidays (Jegou, Douze and Schmid 2008): groups by file name, with one query each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.evaluation.protocols.listed_names import listed_names

__all__ = ["MODES", "SIZE", "load"]

SIZE = 1491
"""Number of images."""

MODES = ("first",)
"""Query modes: the first image of each group."""

_GROUP = 100


def load(ground_truth: Mapping[str, str], collection: Iterable[str], *, subset: bool) -> Benchmark:
    """Return the benchmark: mAP over the first image of each group, which is removed from its own ranking.

    Images whose numbers share all but the last two digits form a group: `100000.jpg` is the query, `100001.jpg`
    and `100002.jpg` are relevant to it.

    Args:
        ground_truth: List of all image names, separated by white space, under any file name; if empty, the
            collection takes its place.
        collection: Ids of the images to be ranked.
        subset: Whether the list may be shorter than the benchmark.

    Raises:
        BenchmarkError: A name is not a number, or images are missing.
    """
    groups = defaultdict(list)
    for name in listed_names("holidays", SIZE, ground_truth, collection, subset=subset):
        if not name.isdecimal():
            raise BenchmarkError(f"{name!r} is not an image of holidays: their names are numbers such as 100000.jpg")
        groups[int(name) // _GROUP].append(name)
    queries = tuple(
        Query(first, first, positives=frozenset(others), junk=frozenset([first]))
        for _, (first, *others) in sorted(groups.items())
        if others and int(first) % _GROUP == 0
    )
    return Benchmark("holidays", {"first": queries}, ("mAP",), SIZE)
