"""Names of the images of a benchmark whose ground truth follows from them."""

from collections.abc import Iterable, Mapping

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import by_stem

__all__ = ["listed_names"]


def listed_names(
    benchmark: str, size: int, ground_truth: Mapping[str, str], collection: Iterable[str], *, subset: bool
) -> list[str]:
    """Return the sorted stems of the images.

    Args:
        benchmark: Name of the benchmark, for messages.
        size: Number of its images.
        ground_truth: List of all image names, separated by white space, under any file name; if empty, the collection
            takes its place.
        collection: Ids of the images to be ranked.
        subset: Whether the list may be shorter than the benchmark.

    Raises:
        BenchmarkError: Images are missing.
    """
    listed = [name for text in ground_truth.values() for name in text.split()]
    names = {by_stem(name) for name in listed or collection}
    if not subset and len(names) < size:
        raise BenchmarkError(
            f"{benchmark} has {size} images, but only {len(names)} are here: add the rest, or score these with --subset"
        )
    return sorted(names)
