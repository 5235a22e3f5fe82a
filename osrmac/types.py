"""Types shared by several packages: array aliases, a box, and the result of a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "DistanceBlock", "Match", "Matrix", "QueryResult", "Verdict"]

Matrix = NDArray[np.float32]
"""Vectors as rows, or distances of queries (rows) to images (columns)."""

DistanceBlock = tuple[str, Sequence[str], Matrix]
"""Part of a collection compared with m queries: name of the shard, ids of its n images, distances (m, n)."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels of the upright image."""

Verdict = Literal["relevant", "wrong", "junk"]
"""Judgement of a match by the ground truth; junk counts neither for nor against."""


@dataclass(frozen=True)
class Match:
    """An image found by a query.

    Attributes:
        id: Id of the image.
        rank: Rank in the result, from 1.
        distance: Distance to the query; nan for a ranking without distances.
        uri: Location of the image, if it has been looked up.
        shard: URL of the shard that holds the image's row, if known.
        verdict: Judgement of the ground truth, if there is one.
    """

    id: str
    rank: int
    distance: float = nan
    uri: str | None = None
    shard: str | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True)
class QueryResult:
    """The result of one query, of a search or an evaluation.

    Attributes:
        query: Name of the query: an id, path or URL, or the benchmark's own name.
        matches: Images found, nearest first.
        image: Id of the query image in the run, if it has one.
        uri: Location of the query image, if it has been looked up.
        box: Part of the query image that was described; None for the whole image.
        values: Score of this query, by measure.
        positives: Number of images relevant to the query.
        ranks: 0-based ranks of the relevant images after junk is removed, ascending.
    """

    query: str
    matches: tuple[Match, ...]
    image: str | None = None
    uri: str | None = None
    box: Box | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    positives: int = 0
    ranks: tuple[int, ...] = ()
