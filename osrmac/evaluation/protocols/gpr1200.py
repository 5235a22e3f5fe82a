"""GPR1200 (Schall et al. 2022): 1200 categories of ten images, by file name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.evaluation.protocols.listed_names import listed_names

__all__ = ["MODES", "SIZE", "load"]

SIZE = 12000
"""Number of images."""

MODES = ("all",)
"""Query modes: every image."""


def load(ground_truth: Mapping[str, str], collection: Iterable[str], *, subset: bool) -> Benchmark:
    """Return the benchmark: rectangular mAP; every image is a query, and counts as relevant to itself.

    `17_lighthouse.jpg` is in category 17. As in the authors' evaluation, the query stays in its own ranking and is one
    of the ten relevant images.

    Args:
        ground_truth: List of all image names, separated by white space, under any file name; if empty, the collection
            takes its place.
        collection: Ids of the images to be ranked.
        subset: Whether the list may be shorter than the benchmark.

    Raises:
        BenchmarkError: A name does not begin with the number of a category, or images are missing.
    """
    categories = defaultdict(list)
    for name in listed_names("gpr1200", SIZE, ground_truth, collection, subset=subset):
        category, separator, _ = name.partition("_")
        if not separator or not category.isdecimal():
            raise BenchmarkError(
                f"{name!r} is not an image of gpr1200: their names begin with a category, such as 17_a.jpg"
            )
        categories[int(category)].append(name)
    queries = tuple(
        Query(name, name, positives=frozenset(category))
        for _, category in sorted(categories.items())
        for name in category
    )
    return Benchmark("gpr1200", {"all": queries}, ("mAP@all",), SIZE)
