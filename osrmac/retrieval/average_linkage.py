"""Groups of images that belong together: average linkage, up to a mean distance that the collection itself gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from osrmac.types import Matrix

__all__ = ["Labels", "average_groups", "distances_within", "mean_distances"]

Labels = NDArray[np.int64]
"""Number of the group of each image, (n,); a group may have a single image."""


def average_groups(distances: NDArray[np.float64], threshold: float) -> Labels:
    """Group images by average linkage (Sokal and Michener 1958).

    The two groups with the smallest mean distance between their images are merged, again and again, as long as it is
    within the threshold. Time and memory grow with the square of the number of images.

    Args:
        distances: Distances of all pairs of n images, in the condensed form of SciPy, (n * (n - 1) / 2,).
        threshold: Largest mean distance between the images of two groups that are merged.

    Returns:
        Labels from 0, (n,).
    """
    if not len(distances):
        return np.zeros(1, np.int64)
    labels: Labels = fcluster(linkage(distances, "average"), threshold, "distance").astype(np.int64) - 1
    return labels


def distances_within(distances: NDArray[np.float64], labels: Labels) -> Matrix:
    """Return the mean distance of each image to the others of its group, (n,); 0 for an image alone.

    Args:
        distances: Distances of all pairs of n images, in the condensed form of SciPy, (n * (n - 1) / 2,).
        labels: Group of each, (n,).
    """
    sums, stop = np.zeros(len(labels), np.float64), 0
    for row, label in enumerate(labels):
        start, stop = stop, stop + len(labels) - row - 1
        same = row + 1 + np.flatnonzero(labels[row + 1 :] == label)
        found = distances[start:stop][same - row - 1]
        sums[row] += found.sum()
        sums[same] += found
    others = np.bincount(labels)[labels] - 1
    return (sums / np.maximum(others, 1)).astype(np.float32)


def mean_distances(distances: Matrix, labels: Labels) -> Matrix:
    """Return the mean distance of images to each group, (m, groups).

    Args:
        distances: Distances of m images to the n that are grouped, (m, n).
        labels: Group of each of these, from 0 without gaps, (n,).
    """
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    sums = np.add.reduceat(distances[:, order], np.cumsum(sizes) - sizes, axis=1)
    means: Matrix = np.divide(sums, sizes, dtype=np.float32)
    return means
