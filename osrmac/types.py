"""Types shared by several packages: array aliases, a box, and the result of a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["REFINEMENTS", "REMOVED_SINCE", "Box", "DistanceBlock", "Match", "Matrix", "QueryResult", "Rank", "Verdict"]

Matrix = NDArray[np.float32]
"""Vectors as rows, or distances of queries (rows) to images (columns)."""

DistanceBlock = tuple[str, Sequence[str], Matrix]
"""Part of a collection compared with m queries: name of the shard, ids of its n images, distances (m, n)."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels of the upright image."""

Verdict = Literal["relevant", "wrong", "junk"]
"""Judgement of a match by the ground truth; junk counts neither for nor against."""

REFINEMENTS = ("query expansion", "re-ranking", "database augmentation")
"""Conditions of scores that were refined by nearest neighbours, and are not comparable with scores that were not."""

REMOVED_SINCE = "images removed since"
"""Condition of scores after images were removed from their run: the number, and a date."""


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
        tied: Whether another image of the collection is at the same distance, or re-ranked with the same score, so that
            ids decide the order of the two.
        score: Score by which the image was re-ranked, the highest first; None if it was not.
        box: Part of the image that matches the query best, in whole pixels, if its regions were compared.
    """

    id: str
    rank: int
    distance: float = nan
    uri: str | None = None
    shard: str | None = field(default=None, compare=False)
    verdict: Verdict | None = None
    tied: bool = False
    score: float | None = None
    box: Box | None = None


class Rank(NamedTuple):
    """Rank of an image in a ranking of a collection.

    Attributes:
        position: 0-based rank; images at the same distance are in the order of their ids.
        nearer: Number of images at smaller distances.
        tied: Number of images at the same distance, this one included.
    """

    position: int
    nearer: int
    tied: int

    @classmethod
    def untied(cls, position: int) -> Self:
        """Return a rank in a ranking without ties."""
        return cls(position, position, 1)


@dataclass(frozen=True)
class QueryResult:
    """The result of one query, of a search or an evaluation.

    Attributes:
        query: Name of the query: an id, path or URL, or the benchmark's own name.
        matches: Images found, nearest first.
        image: Id of the query image in the run, if it has one.
        uri: Location of the query image, if it has been looked up.
        box: Part of the query image that was described; None for the whole image.
        values: Score of this query, by measure: the mean over all orders of images at the same distance.
        positives: Number of images relevant to the query.
        ranks: 0-based ranks of the relevant images after junk is removed, ascending; like the matches, images at the
            same distance are in the order of their ids.
        error: Reason why there is no result: the query has no descriptor, or cannot be described.
    """

    query: str
    matches: tuple[Match, ...]
    image: str | None = None
    uri: str | None = None
    box: Box | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    positives: int = 0
    ranks: tuple[int, ...] = ()
    error: str | None = None
