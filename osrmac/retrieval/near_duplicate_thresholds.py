"""Thresholds of near-duplicates, chosen for a precision without labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from osrmac.types import Matrix

__all__ = ["DistanceHistogram", "agreement_threshold", "reach"]

_FOUND = 0.98
"""Share of edited pictures that agree at least as much as two copies must, if the precision allows it."""

_MODERATE = (0.2, 0.4, 0.6)
"""Edges of two ranges of agreement that hardly any copies are in."""

_SLOWEST_FALL = 0.95
"""Largest ratio of the errors in a range of agreement to those in the range below."""

_BINS = 400
_SMALLEST, _LARGEST = 1e-3, 4.0
"""Range of a histogram, relative to the typical distance."""

_SCENE_IMAGES = 100
"""Images of one scene in a collection that leave the distances of different scenes undisturbed."""

_LOW, _HIGH, _RATIO = (1e-3, 0.25), (0.05, 0.75), 3.0
"""Ranges of the two quantiles that determine the distribution of the distances of different scenes, and their ratio."""


def reach(edits: Matrix) -> float:
    """Return the distance that edited pictures are within: the pixels of what is nearer are compared.

    Args:
        edits: Distance of edited pictures to their originals, (m,).
    """
    return float(edits.max())


def agreement_threshold(edits: Matrix, others: Matrix, images: int, min_precision: float) -> tuple[float, float]:
    """Return the least agreement of two copies of a picture, and its precision: see `picture_agreement`.

    The precision is the share of edits among the edits and the neighbours, of as many images as were edited once each,
    that agree as much. Neighbours that agree well may be copies that the collection has. So the errors are also
    extrapolated from neighbours that agree moderately, as their number falls exponentially beyond a threshold (Pickands
    1975), and the smaller number counts.

    Args:
        edits: Agreement of edited pictures with their originals, (m,).
        others: Agreement of images with their neighbours within reach, (k,).
        images: Number of images whose neighbours these are.
        min_precision: Share of the pairs found that should be copies.

    Returns:
        The least threshold of that precision, but not below one that nearly all edits reach; if there is none, the one
        of the highest precision.
    """
    candidates = np.sort(edits)
    found = 1 - np.arange(len(candidates)) / len(candidates)
    errors = np.minimum(_extrapolated(others, candidates), _counted(others, candidates)) / images
    precision = found / (found + errors)
    (precise,) = np.nonzero(precision >= min_precision)
    least = precise[0] if len(precise) else np.argmax(precision)
    chosen = max(int(least), int((1 - _FOUND) * (len(candidates) - 1)))
    return float(candidates[chosen]), float(precision[chosen])


def _extrapolated(others: Matrix, candidates: Matrix) -> Matrix:
    """Return the number of neighbours that would agree at least so much if none of them were a copy."""
    low, middle, _ = _MODERATE
    bins, _ = np.histogram(others, _MODERATE)
    fall = min((bins[1] + 0.5) / (bins[0] + 1), _SLOWEST_FALL)
    expected: Matrix = bins.sum() / (1 - fall**2) * fall ** ((candidates - low) / (middle - low))
    return expected


def _counted(others: Matrix, candidates: Matrix) -> Matrix:
    """Return the number of neighbours that agree at least so much, and a half for those that were not sampled."""
    return (len(others) - np.searchsorted(np.sort(others), candidates) + 0.5).astype(np.float32)


class DistanceHistogram:
    """Histogram of the distances of images to all images of a collection, with bins of equal ratio.

    Args:
        typical: A typical distance.
        counts: Number of distances in each bin; by default none.
    """

    def __init__(self, typical: float, counts: NDArray[np.int64] | None = None) -> None:
        self.typical = typical
        self.edges = np.geomspace(_SMALLEST * typical, _LARGEST * typical, _BINS + 1)
        self.counts = np.zeros(_BINS, np.int64) if counts is None else counts

    def add(self, distances: Matrix) -> None:
        """Count distances of any shape; those out of range are counted in the first or last bin."""
        self.counts += np.histogram(np.clip(distances, self.edges[0], self.edges[-1]), self.edges)[0]

    def scene_threshold(self, images: int, min_precision: float) -> float:
        """Return the largest distance below which few enough pairs are expected to show different scenes.

        Args:
            images: Number of images in the collection.
            min_precision: Share of the pairs below the threshold that must show the same scene.

        Returns:
            The threshold; 0 if there is none.
        """
        below, errors = self.cumulative(images)
        (precise,) = np.nonzero((errors <= (1 - min_precision) * below) & (below <= self._low(images) * below[-1]))
        return float(self.edges[1:][precise[-1]]) if len(precise) and below[precise[-1]] else 0.0

    def even_threshold(self, images: int) -> float:
        """Return the distance at which two images are as likely to show the same scene as different ones.

        This is a local false discovery rate of one half (Efron 2004). Up to it, the right pairs outnumber the wrong
        ones by the most; a gap between the distances of scenes and those of the bulk is not crossed.

        Args:
            images: Number of images in the collection.

        Returns:
            The threshold; 0 if there is none.
        """
        below, errors = self.cumulative(images)
        gains = np.where(below <= self._low(images) * below[-1], below - 2 * errors, 0)
        best = int(gains.argmax())
        return float(self.edges[1:][best]) if gains[best] > 0 else 0.0

    def cumulative(self, images: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return for the upper edge of each bin the number of pairs below it, and how many errors are expected there.

        Most pairs show different scenes, so the bulk of the distances tells how these are distributed: by a log-normal
        distribution through two of their quantiles, whose lower tail is extrapolated (an empirical null, Efron 2004).

        Args:
            images: Number of images in the collection.
        """
        below, logs = np.cumsum(self.counts), np.log(self.edges[1:])
        pairs, low = max(1, int(below[-1])), self._low(images)
        high = float(np.clip(_RATIO * low, *_HIGH))
        at_low, at_high = np.interp([low, high], below / pairs, logs)
        spread = max((at_high - at_low) / (ndtri(high) - ndtri(low)), 1e-6)
        return below, pairs * ndtr(ndtri(low) + (logs - at_low) / spread)

    @staticmethod
    def _low(images: int) -> float:
        return float(np.clip(_SCENE_IMAGES / max(1, images), *_LOW))
