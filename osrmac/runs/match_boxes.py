"""Boxes of the regions by which images match a query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from osrmac.config import Distance
from osrmac.descriptor.images import jpeg_size
from osrmac.descriptor.models.map_size import map_sizes
from osrmac.descriptor.regions import region_boxes
from osrmac.progress import note
from osrmac.retrieval.distances import distances
from osrmac.runs.methods import Method
from osrmac.runs.reductions.reduced_reader import read_regions
from osrmac.storage.location import Location
from osrmac.storage.reading.member_uri import image_name
from osrmac.storage.run import Run
from osrmac.types import Box, Match, Matrix

__all__ = ["with_boxes"]

_ON_A_GRID = "rmac_regions"
"""Recipe whose regions are those of `regions.region_grid`; where those of a recipe of one's own are is unknown."""

_JPEG = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}

_Row = Mapping[str, Any]


def with_boxes(
    run: Run,
    method: Method,
    queries: Matrix,
    nearest: Sequence[Sequence[Match]],
    rows: Mapping[str, _Row],
    distance: Distance,
) -> list[list[Match]]:
    """Add to each match the box of its region that is nearest to the query, the largest of those at one distance.

    Only the regions of the matched images are read again, one shard at a time.

    Args:
        run: Run with descriptors.
        method: Method that compares regions.
        queries: Vectors of the queries, (m, k).
        nearest: Matches of each query.
        rows: Rows of the matched images, with their shards, by id.
        distance: Distance between two vectors.
    """
    if method.recipes != (_ON_A_GRID,):
        return [list(matches) for matches in nearest]
    boxes_of = _box_finder(run)
    boxes: dict[tuple[int, str], Box] = {}
    unplaced = []
    matched = [{match.id for match in matches} for matches in nearest]
    for image, regions in _matched_regions(method, rows):
        places = boxes_of(rows[image], len(regions))
        if places is None:
            unplaced.append(image)
            continue
        for number, images in enumerate(matched):
            if image in images:
                boxes[number, image] = places[int(np.argmin(distances(queries[[number]], regions, distance)))]
    if unplaced:
        note(
            f"{len(unplaced)} matches have no box, as their regions are not those of an image of their size, first "
            f"{unplaced[0]}"
        )
    return [
        [replace(match, box=boxes.get((number, match.id))) for match in matches]
        for number, matches in enumerate(nearest)
    ]


def _matched_regions(method: Method, rows: Mapping[str, _Row]) -> Iterator[tuple[str, Matrix]]:
    """Yield the vectors of the regions of each image, (R, k), as they are compared."""
    (recipe,) = method.recipes
    in_shard: dict[Location, list[str]] = {}
    for image, row in rows.items():
        in_shard.setdefault(row["shard"], []).append(image)
    for shard, images in sorted(in_shard.items()):
        found = read_regions(shard, recipe, method.reduction, pa.array(images, pa.string()))
        ends = np.cumsum(np.asarray(found.regions))
        yield from zip(found.ids, np.split(found.values, ends[:-1]), strict=True)


def _box_finder(run: Run) -> Callable[[_Row, int], list[Box] | None]:
    """Return a function from the row of an image and the number of its regions to their boxes; None if they differ."""
    identity = run.identity()
    descriptor = identity.descriptor
    sizes = sorted(descriptor.image_sizes, reverse=True)
    middle = sizes[len(sizes) // 2]
    map_size = map_sizes(descriptor.backbone, identity.values["taps"][0])

    def boxes(row: _Row, number: int) -> list[Box] | None:
        size = row["width"], row["height"]
        for decoded in _decoded_sizes(row["uri"], size, sizes[0]):
            found = region_boxes(*map_size(*decoded, middle), size)
            if len(found) == number:
                return found
        return None

    return boxes


def _decoded_sizes(uri: str, size: tuple[int, int], largest: int) -> list[tuple[int, int]]:
    """Return the sizes at which an image may have been decoded, the likely one first.

    A large JPEG is decoded at a fraction of its size, rounded up, so that its aspect ratio differs a little. Only names
    tell which files are JPEGs; a wrong one costs at most one cell of the map.
    """
    sizes = [size, jpeg_size(size, largest)]
    return sizes[::-1] if PurePosixPath(image_name(uri)).suffix.lower() in _JPEG else sizes
