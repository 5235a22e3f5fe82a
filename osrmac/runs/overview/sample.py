"""The sample of a collection from which its overview is made."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from osrmac.errors import StorageError
from osrmac.runs.methods import Method
from osrmac.runs.shard_reader import map_shards, read_blocks
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["draw", "read_sample"]


def draw(within: Sequence[Location], number: int) -> tuple[list[str], int]:
    """Draw images of a run: those whose ids have the smallest hashes (bottom-k sampling, Cohen and Kaplan 2007).

    The sample does not depend on the shards, and changes little when images are added.

    Args:
        within: Shards of descriptors.
        number: Number of images to draw.

    Returns:
        The sorted ids of the sample, and the number of described images.
    """
    count = 0

    def counted(ids: Iterable[str]) -> Iterator[tuple[bytes, str]]:
        nonlocal count
        for count, image in enumerate(ids, 1):  # noqa: B007
            yield hashlib.blake2b(image.encode(), digest_size=8).digest(), image

    drawn = heapq.nsmallest(number, counted(image for ids in map_shards(shards.described_ids, within) for image in ids))
    return sorted(image for _, image in drawn), count


def read_sample(run: Run, method: Method, within: Sequence[Location], ids: Sequence[str]) -> Matrix:
    """Return the vectors of some images, (n, k), in their order.

    Args:
        run: Run with descriptors.
        method: Method of a single recipe.
        within: Shards of descriptors.
        ids: Distinct ids of described images.

    Raises:
        StorageError: An image is not described any more.
    """
    row_of = {image: row for row, image in enumerate(ids)}
    vectors, read = np.empty((0, 0), np.float32), 0
    for block in read_blocks(run, method, within):
        here = [(row, row_of[image]) for row, image in enumerate(block.ids) if image in row_of]
        if here:
            rows, places = np.array(here).T
            if not read:
                vectors = np.empty((len(ids), block.vectors[0].shape[1]), np.float32)
            vectors[places] = block.vectors[0][rows]
            read += len(here)
    if read < len(ids):
        raise StorageError(f"images of {run.url} have changed while it was read: run the same command again")
    return vectors
