"""Count, mean and scatter matrix of samples: all that a covariance needs, computed in one pass and mergeable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Moments"]

_BLOCK_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Moments:
    """First and second moments of n samples of d features, in float64.

    The sum of two moments holds for both sets of samples together (Chan, Golub and LeVeque 1983), so they can be
    accumulated over any number of batches and workers in constant memory.

    Attributes:
        count: Number of samples, n.
        mean: Mean of the samples, (d,).
        scatter: Sum of the outer products of the centred samples, (d, d).
    """

    count: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @classmethod
    def empty(cls, features: int) -> Moments:
        """Return the moments of no samples."""
        return cls(0, np.zeros(features), np.zeros((features, features)))

    @classmethod
    def of(cls, samples: ArrayLike) -> Moments:
        """Return the moments of samples, (n, d)."""
        return cls.of_parts([np.asarray(samples)])

    @classmethod
    def of_parts(cls, parts: Iterable[NDArray[np.floating]]) -> Moments:
        """Return the moments of samples in at least one batch, each (n_i, d).

        Faster than the sum of the moments of each batch, as the scatter matrix is updated once per block of rows.
        """
        parts = iter(parts)
        first = next(parts)
        total = cls.empty(first.shape[1])
        count, mean, scatter = total.count, total.mean, total.scatter
        for rows in _blocks(chain([first], parts)):
            centred, block_mean = _centred(rows)
            count, count_before = count + len(rows), count
            shift = block_mean - mean
            mean = mean + shift * (len(rows) / count)
            # The between-block term of `__add__`, as one more row of the same matrix product.
            centred[-1] = shift * np.sqrt(count_before * len(rows) / count)
            scatter += centred.T @ centred
        return cls(count, mean, scatter)

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both sets of samples together."""
        if self.count == 0 or other.count == 0:
            return other if self.count == 0 else self
        count = self.count + other.count
        shift = other.mean - self.mean
        mean = self.mean + shift * (other.count / count)
        between = np.outer(shift, shift) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Unbiased sample covariance, (d, d).

        Raises:
            ValueError: There are fewer than two samples.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 samples, not {self.count}")
        return self.scatter / (self.count - 1)

    @cached_property
    def principal_axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Eigenvalues of the covariance in decreasing order, (d,), and its eigenvectors as columns, (d, d).

        Signs are fixed by making the largest loading of each eigenvector positive. The decomposition is cached.

        Raises:
            ValueError: There are fewer than two samples.
        """
        values, axes = np.linalg.eigh(self.covariance)
        values, axes = values[::-1], axes[:, ::-1]
        largest = np.abs(axes).argmax(axis=0)
        return values, axes * np.sign(axes[largest, np.arange(len(values))])

    def loadings(self, retained_variance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the loadings of the features on the principal axes that retain a share of the variance.

        Args:
            retained_variance: The axes are the smallest number, q, that retains this share, in (0, 1).

        Returns:
            The first q axes as columns, (d, q), and the share of the variance on each of the d axes, decreasing, (d,).

        Raises:
            ValueError: The samples do not vary, the share is out of its bounds, or it needs all axes: with q = d the
                rows of the loadings have unit norm and equal distances, so that no feature is preferable to another.
        """
        if not 0 < retained_variance < 1:
            raise ValueError(f"retained_variance must be between 0 and 1, not {retained_variance}")
        values, axes = self.principal_axes
        values = values.clip(0)
        if values[0] == 0:
            raise ValueError("the samples do not vary: all features are constant")
        ratios = values / values.sum()
        kept = int(np.searchsorted(ratios.cumsum(), retained_variance)) + 1
        if kept >= len(ratios):
            raise ValueError(
                f"retaining {100 * retained_variance:g}% of the variance needs all of the {len(ratios)} axes, and then "
                "no feature is preferable to another: retain less variance"
            )
        return axes[:, :kept], ratios

    @property
    def rank(self) -> int:
        """Number of principal axes along which the samples vary."""
        values, _ = self.principal_axes
        return int((values > values[0] * len(values) * np.finfo(np.float64).eps).sum())


def _blocks(parts: Iterable[NDArray[np.floating]]) -> Iterator[NDArray[np.floating]]:
    """Regroup rows into blocks of bounded size, each large enough for a fast matrix product."""
    pending: list[NDArray[np.floating]] = []
    for part in parts:
        for start in range(0, len(part), _BLOCK_ROWS):
            pending.append(part[start : start + _BLOCK_ROWS])
            if sum(map(len, pending)) >= _BLOCK_ROWS:
                yield np.concatenate(pending)
                pending = []
    if pending:
        yield np.concatenate(pending)


def _centred(rows: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centred rows followed by one row of scratch space, (n + 1, d), and the mean, (d,)."""
    centred = np.empty((len(rows) + 1, rows.shape[1]))
    # Relative to the first row, a constant feature is exactly zero; its mean may be inexact.
    first = rows[0].astype(np.float64)
    np.subtract(rows, first, out=centred[:-1])
    shift = centred[:-1].mean(axis=0)
    centred[:-1] -= shift
    return centred, first + shift
