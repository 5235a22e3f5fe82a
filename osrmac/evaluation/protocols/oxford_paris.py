"""Oxford5k (Philbin et al. 2007) and Paris6k (Philbin et al. 2008), from VGG's text files."""

from collections.abc import Mapping
from dataclasses import replace

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query

__all__ = ["MODES", "SIZES", "load"]

SIZES = {"oxford5k": 5062, "paris6k": 6412}
"""Number of images of each collection (the paper, section 4.3)."""

MODES = ("cropped", "whole")
"""Query modes: the image cropped to the box of its query (the standard), or the whole image."""

_QUERY = "_query.txt"
_OXFORD_PREFIX = "oxc1_"


def load(name: str, ground_truth: Mapping[str, str]) -> Benchmark:
    """Return the benchmark: mAP over VGG's queries; good and ok are positive, junk is removed from the ranking.

    Args:
        name: `oxford5k` or `paris6k`.
        ground_truth: Text of `<query>_query.txt`, `_good.txt`, `_ok.txt` and `_junk.txt` by file name.

    Raises:
        BenchmarkError: No query file, a missing list, or a malformed query file.
    """
    names = sorted(file.removesuffix(_QUERY) for file in ground_truth if file.endswith(_QUERY))
    if not names:
        raise BenchmarkError(f"no *{_QUERY} in the ground truth: {name} needs the folder of VGG's text files")
    cropped = tuple(_query(query, ground_truth) for query in names)
    whole = tuple(replace(query, box=None) for query in cropped)
    return Benchmark(name, {"cropped": cropped, "whole": whole}, ("mAP",), SIZES[name])


def _query(name: str, ground_truth: Mapping[str, str]) -> Query:
    def images(kind: str) -> frozenset[str]:
        file = f"{name}_{kind}.txt"
        if file not in ground_truth:
            raise BenchmarkError(f"the ground truth lacks {file}: {name}{_QUERY} needs it")
        return frozenset(ground_truth[file].split())

    try:
        image, *edges = ground_truth[name + _QUERY].split()
        left, top, right, bottom = map(float, edges)
    except ValueError as error:
        raise BenchmarkError(f"{name}{_QUERY} must hold an image name and four numbers") from error
    return Query(
        name,
        image.removeprefix(_OXFORD_PREFIX),
        positives=images("good") | images("ok"),
        junk=images("junk"),
        box=(left, top, right, bottom),
    )
