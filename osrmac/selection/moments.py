"""Count, mean and scatter of samples: all that a covariance needs, and mergeable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Moments"]

_BLOCK_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Moments:
    """First and second moments of n samples of d features, float64.

    Attributes:
        count: Number of samples, n.
        mean: (d,).
        scatter: Sum of outer products of the centred samples, (d, d).
    """

    count: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @classmethod
    def empty(cls, features: int) -> Moments:
        """The moments of no samples: neutral when added."""
        return cls(0, np.zeros(features), np.zeros((features, features)))

    @classmethod
    def of(cls, samples: ArrayLike) -> Moments:
        """Moments of samples, (n, d), accumulated in blocks of rows."""
        rows = np.asarray(samples)
        total = cls.empty(rows.shape[1])
        for start in range(0, len(rows), _BLOCK_ROWS):
            total = total + cls._of_block(rows[start : start + _BLOCK_ROWS].astype(np.float64))
        return total

    @classmethod
    def _of_block(cls, rows: NDArray[np.float64]) -> Moments:
        # Seen from the first row a constant feature is exactly zero, where its mean may not be exact.
        centred = rows - rows[0]
        shift = centred.mean(axis=0)
        centred -= shift
        return cls(len(rows), rows[0] + shift, centred.T @ centred)

    def __add__(self, other: Moments) -> Moments:
        """Moments of both sets of samples together (Chan, Golub and LeVeque 1983)."""
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
        """Eigenvalues of the covariance, (d,), decreasing, and its eigenvectors as columns, (d, d).

        The largest loading of each eigenvector is positive. Computed once, however many sizes are fitted.

        Raises:
            ValueError: There are fewer than two samples.
        """
        values, axes = np.linalg.eigh(self.covariance)
        values, axes = values[::-1], axes[:, ::-1]
        largest = np.abs(axes).argmax(axis=0)
        return values, axes * np.sign(axes[largest, np.arange(len(values))])

    @property
    def rank(self) -> int:
        """Number of principal axes along which the samples vary."""
        values, _ = self.principal_axes
        return int((values > values[0] * len(values) * np.finfo(np.float64).eps).sum())
