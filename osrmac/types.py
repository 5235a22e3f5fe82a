"""Types that several packages share: array aliases, a box, and the outcome of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Match", "Matrix", "QueryResult", "Verdict"]

Matrix = NDArray[np.float32]
"""Vectors as rows, or distances of queries (rows) to images (columns)."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels of the upright image."""

Verdict = Literal["relevant", "wrong", "junk"]
"""Whether a match should have been found; junk counts neither for nor against."""


@dataclass(frozen=True)
class Match:
    """An image found by a query.

    Attributes:
        id: Id of the image.
        rank: Place in the ranking, from 1.
        distance: Distance to the query; nan for a ranking that came without distances.
        uri: Location of the image, where it has been looked up.
        shard: URL of the shard that holds its row, where known.
        verdict: Judgement of the ground truth, where there is one.
    """

    id: str
    rank: int
    distance: float = nan
    uri: str | None = None
    shard: str | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True)
class QueryResult:
    """The outcome of one query, of a search or of an evaluation.

    Attributes:
        query: Name of the query: an id, path or URL, or the benchmark's own name for it.
        matches: The images found, nearest first.
        image: Id of the query image in the run, if it has one.
        uri: Location of the query image, where it has been looked up.
        box: Part of the image that was searched with; None for the whole image.
        values: Score of this query by each measure of the benchmark.
        positives: Number of images that the ground truth calls relevant.
        ranks: 0-based ranks of those images, junk left out, ascending.
    """

    query: str
    matches: tuple[Match, ...]
    image: str | None = None
    uri: str | None = None
    box: Box | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    positives: int = 0
    ranks: tuple[int, ...] = ()
