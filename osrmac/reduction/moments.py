"""Count, mean and scatter of samples: all that a covariance needs, and mergeable."""

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
        """Moments of samples, (n, d)."""
        return cls.of_parts([np.asarray(samples)])

    @classmethod
    def of_parts(cls, parts: Iterable[NDArray[np.floating]]) -> Moments:
        """Moments of samples that come in parts, at least one, each (n_i, d): faster than adding up those of each."""
        parts = iter(parts)
        first = next(parts)
        total = cls.empty(first.shape[1])
        count, mean, scatter = total.count, total.mean, total.scatter
        for rows in _gathered(chain([first], parts)):
            centred, middle = _centred(rows)
            count, before = count + len(rows), count
            shift = middle - mean
            mean = mean + shift * (len(rows) / count)
            # What merging adds (see `__add__`) is one more row: so (d, d) numbers are touched once a block.
            centred[-1] = shift * np.sqrt(before * len(rows) / count)
            scatter += centred.T @ centred
        return cls(count, mean, scatter)

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


def _gathered(parts: Iterable[NDArray[np.floating]]) -> Iterator[NDArray[np.floating]]:
    """The same rows in blocks large enough to multiply fast, and small enough to hold."""
    waiting: list[NDArray[np.floating]] = []
    for part in parts:
        for start in range(0, len(part), _BLOCK_ROWS):
            waiting.append(part[start : start + _BLOCK_ROWS])
            if sum(map(len, waiting)) >= _BLOCK_ROWS:
                yield np.concatenate(waiting)
                waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _centred(rows: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows less their mean, with room for one more, and the mean."""
    centred = np.empty((len(rows) + 1, rows.shape[1]))
    # Seen from the first row a constant feature is exactly zero, where its mean may not be exact.
    first = rows[0].astype(np.float64)
    np.subtract(rows, first, out=centred[:-1])
    shift = centred[:-1].mean(axis=0)
    centred[:-1] -= shift
    return centred, first + shift
