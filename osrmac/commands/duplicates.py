"""Group the images of a run that are nearly the same picture."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from osrmac.config import DuplicatesConfig
from osrmac.retrieval.near_duplicates import ConnectedComponents
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates import Collection, Duplicates
from osrmac.runs.scan import torch_device
from osrmac.runs.shard_reader import listed
from osrmac.storage import shards
from osrmac.storage.run import Run

__all__ = ["duplicates"]


def duplicates(run: str, options: DuplicatesConfig = DuplicatesConfig()) -> Duplicates:
    """Group the images that are closer to each other than a threshold, or are so by way of others.

    Every image is compared with every other, which takes time that grows with the square of their number. In memory
    at a time are 256 MB of vectors and some shards, some distances, and some bytes for each image.

    Args:
        run: A run with descriptors.
        options: The threshold, and how images are compared.

    Raises:
        OsrmacError: No run, no descriptors, or no such system.
    """
    place = Run(run)
    within = listed(place)
    starts = (0, *accumulate(len(shards.described_ids(shard)) for shard in within))
    collection = Collection(
        place, choose_method(place, options.method), within, starts, options.distance, torch_device(options.device)
    )
    if options.threshold is None:
        threshold, reason = collection.suggested()
    else:
        threshold, reason = options.threshold, "as given"
    groups, nearest = ConnectedComponents(starts[-1]), np.full(starts[-1], np.inf, np.float32)
    for pairs, distances in collection.close(threshold):
        groups.add(pairs)
        for side in pairs.T:
            np.minimum.at(nearest, side, distances)
    found = collection.named(groups.groups(), nearest)
    return Duplicates(collection.method.name, options.distance, threshold, reason, tuple(found))
