"""Oxford5k (Philbin et al. 2007) and Paris6k (Philbin et al. 2008): VGG's text files."""

from collections.abc import Mapping
from dataclasses import replace

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query

__all__ = ["SIZES", "load"]

SIZES = {"oxford5k": 5062, "paris6k": 6412}
"""Images of each collection, as the paper counts them (section 4.3)."""

_QUERY = "_query.txt"
_OXFORD_PREFIX = "oxc1_"


def load(name: str, ground_truth: Mapping[str, str]) -> Benchmark:
    """Mean average precision over VGG's queries; good and ok are positive, junk is taken out.

    Args:
        name: `oxford5k` or `paris6k`.
        ground_truth: Text of `<query>_query.txt`, `_good.txt`, `_ok.txt` and `_junk.txt` by file name.

    Returns:
        A benchmark with the query modes `cropped` (to its box, the standard) and `whole`.

    Raises:
        BenchmarkError: No query file, a list is missing, or a query file is malformed.
    """
    names = sorted(file.removesuffix(_QUERY) for file in ground_truth if file.endswith(_QUERY))
    if not names:
        raise BenchmarkError(f"no *{_QUERY} in the ground truth: {name} needs the folder of VGG's text files")
    cropped = tuple(_query(query, ground_truth) for query in names)
    whole = tuple(replace(query, box=None) for query in cropped)
    return Benchmark(name, {"cropped": cropped, "whole": whole}, ("mAP",), SIZES[name])


def _query(name: str, ground_truth: Mapping[str, str]) -> Query:
    def listed(kind: str) -> frozenset[str]:
        file = f"{name}_{kind}.txt"
        if file not in ground_truth:
            raise BenchmarkError(f"the ground truth lacks {file}")
        return frozenset(ground_truth[file].split())

    try:
        image, *edges = ground_truth[name + _QUERY].split()
        left, top, right, bottom = map(float, edges)
    except ValueError as error:
        raise BenchmarkError(f"{name}{_QUERY} must hold an image name and four numbers") from error
    return Query(
        name,
        image.removeprefix(_OXFORD_PREFIX),
        positives=listed("good") | listed("ok"),
        junk=listed("junk"),
        box=(left, top, right, bottom),
    )
