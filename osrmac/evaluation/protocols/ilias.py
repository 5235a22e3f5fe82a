"""ILIAS (Kordopatis-Zilos et al. 2025): image queries for particular objects, from the published lists of ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, PathSuffix, Query
from osrmac.types import Box

__all__ = ["MODES", "POSITIVES", "QUERIES", "SIZE", "load"]

SIZE = 4715
"""Number of images to find, without query images and distractors."""

MODES = ("whole", "cropped")
"""Query modes: the whole image (the published scores), or the image cropped to the boxes of its object."""

QUERIES, POSITIVES = "image_query_ids.txt", "positive_ids.txt"
"""Names of the lists."""

_BOXES = "_bbox.txt"
_PARTS = 3


def load(ground_truth: Mapping[str, str]) -> Benchmark:
    """Return the benchmark: mAP@1000; the query images are not part of the collection.

    Args:
        ground_truth: Text of `image_query_ids.txt` and `positive_ids.txt` by file name: an id a line, such as
            `object/pos/P000_00.jpg`, and further values after commas, which are not used. For the mode `cropped` also
            `Q000_00_bbox.txt` of each query: left, top, width and height of one or more boxes, a line each.

    Returns:
        A benchmark with the mode `whole`, and `cropped` if there are boxes.

    Raises:
        BenchmarkError: A list or some of the boxes are missing, or a line is malformed.
    """
    positives = defaultdict(set)
    for image in _ids(ground_truth, POSITIVES):
        positives[_object(image)].add(image)
    images = _ids(ground_truth, QUERIES)
    without = [image for image in images if _object(image) not in positives]
    if without:
        raise BenchmarkError(f"{QUERIES}: {without[0]!r} has no relevant image in {POSITIVES}")
    whole = tuple(Query(image, image, frozenset(positives[_object(image)])) for image in images)
    modes = {"whole": whole}
    if any(file.endswith(_BOXES) for file in ground_truth):
        modes["cropped"] = tuple(replace(query, box=_box(query.image, ground_truth)) for query in whole)
    return Benchmark("ilias", modes, ("mAP@1000",), SIZE, naming=PathSuffix(_PARTS), outside=frozenset(images))


def _ids(ground_truth: Mapping[str, str], file: str) -> list[str]:
    if file not in ground_truth:
        raise BenchmarkError(f"the ground truth lacks {file}: ilias needs the folder image_ids")
    ids = [line.partition(",")[0].strip() for line in ground_truth[file].splitlines() if line.strip()]
    for image in ids:
        if len(PurePosixPath(image).parts) != _PARTS:
            raise BenchmarkError(f"{file}: {image!r} is not an id such as object/pos/P000_00.jpg")
    if not ids or len(set(ids)) < len(ids):
        raise BenchmarkError(f"{file} must list at least one id, and each id once")
    return ids


def _object(image: str) -> str:
    return PurePosixPath(image).parts[0]


def _box(image: str, ground_truth: Mapping[str, str]) -> Box:
    """Return the smallest box that encloses all boxes of a query, as left, top, right and bottom."""
    file = PurePosixPath(image).stem + _BOXES
    if file not in ground_truth:
        raise BenchmarkError(f"the ground truth lacks {file}: add the boxes of all queries, or none")
    try:
        boxes = [[float(edge) for edge in line.split()] for line in ground_truth[file].splitlines() if line.strip()]
        corners = [(left, top, left + width, top + height) for left, top, width, height in boxes]
        lefts, tops, rights, bottoms = zip(*corners, strict=True)
    except ValueError as error:
        raise BenchmarkError(f"{file} must hold four numbers a line: left, top, width and height") from error
    return min(lefts), min(tops), max(rights), max(bottoms)
