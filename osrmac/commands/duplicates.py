"""Group the near-duplicates among the images of a run."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from osrmac.config import DuplicatesConfig
from osrmac.progress import stage
from osrmac.retrieval.near_duplicates import ConnectedComponents
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates import Collection, Duplicates
from osrmac.runs.scan import torch_device
from osrmac.runs.shard_reader import list_shards, refused_if_pruned
from osrmac.storage.run import Run
from osrmac.storage.shards import described_ids

__all__ = ["duplicates"]


@refused_if_pruned
def duplicates(run: str, options: DuplicatesConfig = DuplicatesConfig()) -> Duplicates:
    """Group the images whose distance is at most a threshold, directly or through other images (single linkage).

    Every image is compared with every other, so the time grows with the square of their number. Memory is bounded by
    256 MB of vectors, a few shards, and some bytes for each image.

    Args:
        run: Run with descriptors.
        options: Threshold, and how images are compared.

    Raises:
        ConfigError: Unknown method or device.
        NotFoundError: No run.
        StorageError: The run has no descriptors.
    """
    place = Run(run)
    shards = list_shards(place)
    method = choose_method(place, options.method)
    starts = (0, *accumulate(len(described_ids(shard)) for shard in shards))
    collection = Collection(place, method, shards, starts, options.distance, torch_device(options.device))
    if options.threshold is None:
        with stage("suggesting a threshold"):
            threshold, reason = collection.suggested_threshold()
    else:
        threshold, reason = options.threshold, "as given"
    groups, nearest = ConnectedComponents(starts[-1]), np.full(starts[-1], np.inf, np.float32)
    with stage("comparing"):
        for pairs, distances in collection.pairs(threshold):
            groups.add(pairs)
            for side in pairs.T:
                np.minimum.at(nearest, side, distances)
    named = collection.describe_groups(groups.groups(), nearest)
    return Duplicates(method.name, options.distance, threshold, reason, tuple(named))
