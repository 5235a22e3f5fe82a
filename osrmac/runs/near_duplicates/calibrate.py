"""Calibration of near-duplicates: edited pictures, described like the images of a run, and distances within the run."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np
from PIL import Image

from osrmac.config import Distance
from osrmac.descriptor.edits import EDITS, edited
from osrmac.errors import StorageError
from osrmac.progress import note, stage
from osrmac.retrieval.near_duplicate_thresholds import DistanceHistogram
from osrmac.retrieval.picture_agreement import agreements
from osrmac.runs.near_duplicates.calibration import (
    PictureCalibration,
    SceneCalibration,
    stored_calibration,
    vectors_digest,
    write_calibration,
)
from osrmac.runs.near_duplicates.grey_thumbnails import GreyThumbnail, grey_thumbnail, picture_agreements, read_images
from osrmac.runs.near_duplicates.vector_pieces import Positions, VectorPieces
from osrmac.runs.query_describer import describe_files
from osrmac.runs.scan import smallest_distances
from osrmac.types import Matrix

__all__ = ["picture_calibration", "scene_calibration"]

_EDITED = 60
"""Images that are edited, each in two ways."""

_NEIGHBOURS, _NEAREST = 100, 3
"""Images that are compared with so many of their nearest others."""

_COMPARED = 500
"""Images whose distances to all others are counted."""

_MIN_EDITS = 20
"""Edited pictures that a calibration needs."""


def scene_calibration(images: VectorPieces, distance: Distance, device: str) -> SceneCalibration:
    """Return the distances of images of a run to all others, as stored or else computed now."""
    found = stored_calibration(images.run, images.method, distance, "scene", len(images))
    if isinstance(found, SceneCalibration):
        return found
    with stage("comparing a sample of the images with all"):
        drawn = _drawn(images, _COMPARED)
        sample = images.vectors_at(drawn)
        within = smallest_distances(sample, sample, distance, device)[np.triu_indices(len(drawn), 1)]
        histogram = DistanceHistogram(max(float(np.median(within)) if len(within) else 0, 1e-6))
        for positions, distances in _distances(images, sample, distance, device):
            histogram.add(distances[drawn[:, None] != positions])
    calibration = SceneCalibration(
        method=images.method.name,
        distance=distance,
        digest=vectors_digest(images.run, images.method),
        images=len(images),
        typical=histogram.typical,
        counts=histogram.counts.tolist(),
    )
    write_calibration(images.run, calibration)
    return calibration


def picture_calibration(images: VectorPieces, distance: Distance, device: str) -> PictureCalibration:
    """Return what copies of the pictures of a run are like, as stored or else measured now.

    Some images are edited and described; others are compared with their nearest others.

    Raises:
        OsrmacError: Too few images can be read, or the weights of the run are unavailable.
    """
    found = stored_calibration(images.run, images.method, distance, "picture", len(images))
    if isinstance(found, PictureCalibration):
        return found
    note("learning how near copies are, from edited images of the run: this happens once")
    drawn = _drawn(images, _NEIGHBOURS)
    with stage("describing edited images"):
        edits = _edits(images, drawn[:: max(1, len(drawn) // _EDITED)][:_EDITED], distance, device)
    with stage("comparing images with their neighbours"):
        neighbours = _neighbours(images, drawn, distance, device)
    calibration = PictureCalibration(
        method=images.method.name,
        distance=distance,
        digest=vectors_digest(images.run, images.method),
        images=len(images),
        edits=edits,
        neighbours=neighbours,
        sampled=len(drawn),
    )
    write_calibration(images.run, calibration)
    return calibration


def _drawn(images: VectorPieces, number: int) -> Positions:
    """Return the sorted positions of images drawn at random."""
    return np.sort(np.random.default_rng(0).choice(len(images), min(number, len(images)), replace=False))


def _distances(
    images: VectorPieces, sample: Sequence[Matrix], distance: Distance, device: str
) -> Iterator[tuple[Positions, Matrix]]:
    """Yield the distances of a sample to all images, some at a time, with their positions."""
    for piece in images.pieces(range(len(images.shards))):
        yield piece.positions, smallest_distances(sample, piece.vectors, distance, device)


def _edits(
    images: VectorPieces, drawn: Positions, distance: Distance, device: str
) -> dict[str, tuple[list[float], list[float]]]:
    """Edit and describe images; return the distances and agreements of each kind of edit."""
    random, kinds = np.random.default_rng(0), cycle(EDITS)
    files, names, rows, pairs = [], [], [], []
    for row, image in enumerate(read_images(images.run, images.rows_at(drawn)["uri"].to_pylist())):
        if image is None:
            continue
        for kind in islice(kinds, 2):
            file = edited(image, kind, random)
            pairs.append((grey_thumbnail(image), _thumbnail(file)))
            files.append(file)
            names.append(kind)
            rows.append(row)
    if len(files) < min(_MIN_EDITS, 2 * len(drawn)):
        raise StorageError(
            f"only {len(files) // 2} of {len(drawn)} images of {images.run.url} could be read, too few to tell copies "
            "from other images: give --threshold, or --same scene"
        )
    originals = images.vectors_at(drawn)
    agreement = agreements(*(np.stack(side) for side in zip(*pairs, strict=True)))
    measured: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in EDITS}
    for number, vectors in enumerate(describe_files(images.run, images.method, files)):
        if vectors is not None:
            original = [part[rows[number]][None] for part in originals]
            apart = smallest_distances(original, [vector[None] for vector in vectors], distance, device)
            measured[names[number]][0].append(float(apart[0, 0]))
            measured[names[number]][1].append(float(agreement[number]))
    return measured


def _thumbnail(file: bytes) -> GreyThumbnail:
    with Image.open(io.BytesIO(file)) as image:
        return grey_thumbnail(image)


def _neighbours(
    images: VectorPieces, drawn: Positions, distance: Distance, device: str
) -> tuple[list[float], list[float]]:
    """Return the distances and agreements of images with their nearest others, where both can be read."""
    near = np.full((len(drawn), _NEAREST), np.inf, np.float32)
    where = np.zeros((len(drawn), _NEAREST), np.int64)
    sample = images.vectors_at(drawn)
    for positions, distances in _distances(images, sample, distance, device):
        distances[drawn[:, None] == positions] = np.inf
        both = np.concatenate([near, distances], 1)
        order = np.argsort(both, 1, kind="stable")[:, :_NEAREST]
        near = np.take_along_axis(both, order, 1)
        everywhere = np.concatenate([where, np.broadcast_to(positions, distances.shape)], 1)
        where = np.take_along_axis(everywhere, order, 1)
    rows, columns = np.nonzero(np.isfinite(near))
    pairs = np.stack([drawn[rows], where[rows, columns]], 1)
    looked_at, numbers = np.unique(pairs, return_inverse=True)
    uris = [(images.run, uri) for uri in images.rows_at(looked_at)["uri"].to_pylist()]
    agreement = picture_agreements(uris, numbers.reshape(-1, 2))
    readable = ~np.isnan(agreement)
    return near[rows, columns][readable].tolist(), agreement[readable].tolist()
