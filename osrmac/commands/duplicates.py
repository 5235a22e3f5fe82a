"""Group the near-duplicates among the images of a run, or between two runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap

import numpy as np

from osrmac.config import ClusterConfig, DuplicatesConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.progress import Stage, stage, warn
from osrmac.retrieval.near_duplicates import complete_groups, connected_groups
from osrmac.runs.methods import Method, choose_method, list_methods
from osrmac.runs.near_duplicates.groups import Duplicates, describe_groups, nearest_distances
from osrmac.runs.near_duplicates.second_look import LookTask, second_look
from osrmac.runs.near_duplicates.stored import collection_state, store_duplicates
from osrmac.runs.near_duplicates.vector_pieces import Pairs, VectorPieces, compare_panel
from osrmac.runs.scan import torch_device
from osrmac.runs.shard_reader import refused_if_pruned
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["Links", "duplicates", "find_links"]

_SMALL = 20_000
"""Images up to which all pairs are compared by this process, in less time than a cluster takes to start."""

_FEW_PAIRS = 2000
"""Pairs up to which this process compares the pixels."""

_MAX_PAIRS = 100_000_000
"""Pairs within a threshold that fit into the memory of this process, 20 bytes each."""


@dataclass(frozen=True)
class Links:
    """Pairs of images that are linked, and what they depend on: see `Duplicates`.

    Attributes:
        sides: Images of the run, and of the other run if there is one.
        method: Name of the method that images were compared by.
        pairs: Linked pairs, each once.
        threshold: Largest distance of two images that are linked.
        agreement: Least agreement of their pixels; None if these were not compared.
        reason: Origin of the thresholds, in words.
        compared: Number of pairs within the distance.
        unreadable: Number of them whose images could not be read again.
    """

    sides: Sequence[VectorPieces]
    method: str
    pairs: Pairs
    threshold: float
    agreement: float | None
    reason: str
    compared: int
    unreadable: int


@refused_if_pruned
def duplicates(
    run: str, options: DuplicatesConfig = DuplicatesConfig(), cluster: ClusterConfig = ClusterConfig()
) -> Duplicates:
    """Group the near-duplicates among the images of a run, or those between two runs.

    Those of a single run are also kept in it: see `osrmac.runs.near_duplicates.stored`.

    Args:
        run: Run with descriptors.
        options: What counts as a near-duplicate, and how images are compared.
        cluster: Cluster that compares more than 20 000 images.

    Raises:
        OsrmacError: See `find_links`.
    """
    place = Run(run)
    state = collection_state(place)
    links = find_links(run, options, cluster)
    if options.groups == "complete":
        groups = complete_groups(links.pairs.positions, links.pairs.distances)
    else:
        groups = connected_groups(links.pairs.positions)
    found = describe_groups(links.sides, groups, nearest_distances(links.pairs), options.keep)
    facts = {name: getattr(links, name) for name in ("threshold", "agreement", "reason", "compared", "unreadable")}
    result = Duplicates(links.method, options.distance, groups=tuple(found), **facts)
    if options.against is None:
        store_duplicates(place, result, options.same if options.threshold is None else None, state)
    return result


def find_links(
    run: str, options: DuplicatesConfig = DuplicatesConfig(), cluster: ClusterConfig = ClusterConfig()
) -> Links:
    """Link the near-duplicates of a run, or those of two runs.

    Two images are linked if their vectors are within a threshold, and, as copies of a picture, if their pixels agree
    once they are aligned. The thresholds are chosen for the precision: see `osrmac.runs.near_duplicates.calibrate`.

    Args:
        run: Run with descriptors.
        options: What counts as a near-duplicate, and how images are compared.
        cluster: Cluster that compares more than 20 000 images.

    Raises:
        ConfigError: Unknown method or device, no threshold of the precision, or too many pairs within it.
        NotFoundError: No run.
        StorageError: A run has no descriptors, the two have different ones, or too few images can be read.
    """
    place = Run(run)
    method = _method(place, options.method)
    device = torch_device(options.device)
    sides = [VectorPieces.of(place, method)]
    if options.against is not None:
        sides.append(_other(place, options, sides[0]))
    for side in sides:
        if not len(side):
            raise StorageError(f"{side.run.url} has no described images: see osrmac info {side.run.url}")
    threshold, agreement, reason = _thresholds(sides[0], options, device)
    pairs = _pairs(sides, threshold, options, device, cluster)
    compared, unreadable = len(pairs), 0
    if agreement is not None:
        agreements = _agreements(sides, pairs, cluster)
        unreadable = int(np.isnan(agreements).sum())
        pairs = pairs[agreements >= agreement]
        if unreadable:
            warn(f"{unreadable} of {compared} pairs are left out: an image of each cannot be read")
    return Links(sides, method.name, pairs, threshold, agreement, reason, compared, unreadable)


def _method(run: Run, name: str | None) -> Method:
    """Return the method of a name, or else the whole descriptor: a reduction drops what tells copies from others."""
    if name is None:
        whole = [
            method.name
            for method in list_methods(run)
            if method.reduction is None and len(method.recipes) == 1 and not method.best_region
        ]
        name = "osrmac" if "osrmac" in whole else next(iter(whole), None)
    return choose_method(run, name)


def _other(run: Run, options: DuplicatesConfig, images: VectorPieces) -> VectorPieces:
    """Return the images of the other run, numbered after those of the run."""
    other = Run(options.against or "")
    if other.url == run.url:
        raise ConfigError(f"--against {options.against} is the run itself: leave it out to compare its own images")
    other.require(run.identity(), "compare with a run that was made with the same ones")
    return VectorPieces.of(other, images.method, images.starts[-1])


def _thresholds(images: VectorPieces, options: DuplicatesConfig, device: str) -> tuple[float, float | None, str]:
    """Return the largest distance and the least agreement of two near-duplicates, and their origin in words."""
    if options.threshold is not None:
        return options.threshold, None, "as given"
    # The network is loaded only where images are described.
    from osrmac.runs.near_duplicates.calibrate import picture_calibration, scene_calibration

    precision = f"{options.min_precision:g}"
    if options.same == "scene":
        scenes = scene_calibration(images, options.distance, device)
        threshold = scenes.threshold(options.min_precision)
        if not threshold:
            raise ConfigError(
                f"no distance separates shots of one scene from others at --min-precision {precision}: the collection "
                "has none, or give --threshold"
            )
        return threshold, None, f"for shots of one scene at a precision of {precision}"
    pictures = picture_calibration(images, options.distance, device)
    agreement, reached = pictures.agreement(options.min_precision)
    if reached < options.min_precision:
        raise ConfigError(
            f"no agreement of pixels tells copies from other images at --min-precision {precision}: the highest "
            f"precision is {math.floor(100 * reached) / 100}"
        )
    return pictures.reach, agreement, f"for copies at a precision of {precision}"


def _pairs(
    sides: Sequence[VectorPieces], threshold: float, options: DuplicatesConfig, device: str, cluster: ClusterConfig
) -> Pairs:
    """Return the pairs of images within a distance, each once."""
    images, others = sides[0], sides[1] if len(sides) > 1 else None
    with stage("comparing vectors") as progress:
        if math.prod(map(len, sides)) <= _SMALL ** len(sides):
            return _joined(
                pairs
                for panel in images.panels()
                for pairs in compare_panel(images, panel, others, threshold, options.distance, device)
            )
        from osrmac.distributed.cluster.connect import connect
        from osrmac.distributed.near_duplicates import all_pairs, clustered_pairs

        connect(cluster)
        find = all_pairs if options.exact else clustered_pairs
        return _joined(find(images, others, threshold, options.distance, device, progress.update))


def _joined(parts: Iterator[Pairs]) -> Pairs:
    """Join pairs, and leave out repeated ones."""
    held, count = [], 0
    for part in parts:
        held.append(part)
        count += len(part)
        if count > _MAX_PAIRS:
            raise ConfigError(
                f"more than {_MAX_PAIRS:,} pairs of images are within the distance: give a smaller --threshold"
            )
    pairs = Pairs.joined(held)
    _, rows = np.unique(pairs.positions, axis=0, return_index=True)
    return pairs[rows]


def _agreements(sides: Sequence[VectorPieces], pairs: Pairs, cluster: ClusterConfig) -> Matrix:
    """Return how well the pixels of pairs of images agree, (m,)."""
    with stage("comparing pixels") as progress:

        def look(tasks: Sequence[LookTask]) -> Sequence[Matrix]:
            if len(pairs) <= _FEW_PAIRS:
                return _here(tasks, progress)
            from osrmac.distributed.cluster.connect import connect
            from osrmac.distributed.near_duplicates import look_at

            connect(cluster)
            return look_at(tasks, progress.update)

        return second_look(sides, pairs.positions, look)


def _here(tasks: Sequence[LookTask], progress: Stage) -> list[Matrix]:
    from osrmac.runs.near_duplicates.grey_thumbnails import picture_agreements

    found = []
    for number, agreements in enumerate(starmap(picture_agreements, tasks), 1):
        found.append(agreements)
        progress.update(number, len(tasks))
    return found
