"""Re-ranking of the images that a scan finds first, whose vectors are looked up for a bounded number of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from osrmac.config import RefinementConfig
from osrmac.retrieval.reranking import RerankedBlocks, superglobal
from osrmac.runs.refinement.expansion import at_once
from osrmac.runs.searcher import Comparison, Searcher, nearest_of
from osrmac.types import DistanceBlock, Match, Matrix

__all__ = ["query_parts", "ranked", "reranked"]

_Summary = TypeVar("_Summary")


def query_parts(queries: Sequence[Matrix], refinement: RefinementConfig) -> list[slice]:
    """Return the parts into which queries are divided so that the vectors to re-rank stay within 250 MB.

    Args:
        queries: For each recipe the vectors of m queries, (m, k).
        refinement: Without re-ranking there is one part.
    """
    number = len(queries[0])
    step = number
    if refinement.rerank is not None:
        step = at_once(refinement.rerank_top, sum(vectors.shape[1] for vectors in queries))
    return [slice(start, start + step) for start in range(0, number, step)]


def ranked(images: Searcher, queries: Sequence[Matrix], number: int, refinement: RefinementConfig) -> list[list[Match]]:
    """Return the first images of each query's ranking, re-ranked if the options ask for it.

    Distances are those to the query before re-ranking. Images that are not re-ranked follow those that are.

    Args:
        images: The collection.
        queries: For each recipe the vectors of m queries, (m, k).
        number: Number of images to return for each query.
        refinement: Options of re-ranking; the queries are expanded already.
    """
    if refinement.rerank is None:
        return images.nearest(queries, number)
    found: list[list[Match]] = []
    for part in query_parts(queries, refinement):
        vectors = [of[part] for of in queries]
        first = images.nearest(vectors, max(number, refinement.rerank_top + 1))
        scores = _scores(images, vectors, first, refinement)
        found += [_reordered(*pair)[:number] for pair in zip(first, scores, strict=True)]
    return found


def _reordered(matches: Sequence[Match], scores: Mapping[str, float]) -> list[Match]:
    """Return the matches with those that have a score first, the highest score first; ties are ordered by id."""
    shared = Counter(scores.values())
    first = [
        replace(match, score=scores[match.id], tied=shared[scores[match.id]] > 1)
        for match in sorted(matches[: len(scores)], key=lambda match: (-scores[match.id], match.id))
    ]
    return [replace(match, rank=rank) for rank, match in enumerate([*first, *matches[len(scores) :]], 1)]


def reranked(
    images: Searcher, queries: Sequence[Matrix], comparison: Comparison, refinement: RefinementConfig
) -> Comparison:
    """Return the comparison of queries with a collection, with re-ranked images before all others.

    Args:
        images: The collection.
        queries: For each recipe the vectors of m queries, (m, k), one of the `query_parts`.
        comparison: Their distances to the collection.
        refinement: Options of re-ranking.
    """
    first = nearest_of(comparison, len(queries[0]), refinement.rerank_top + 1)
    return _RerankedComparison(comparison, _scores(images, queries, first, refinement))


@dataclass(frozen=True)
class _RerankedComparison:
    """A comparison in which re-ranked images precede all others.

    Attributes:
        comparison: The distances of m queries.
        scores: For each of the m queries the scores of its re-ranked images by id.
    """

    comparison: Comparison
    scores: Sequence[Mapping[str, float]]

    def summarize(self, summary: Callable[[Iterable[DistanceBlock]], _Summary]) -> Iterator[_Summary]:
        return self.comparison.summarize(partial(_summarize_reranked, summary, self.scores))


def _summarize_reranked(
    summary: Callable[[Iterable[DistanceBlock]], _Summary],
    scores: Sequence[Mapping[str, float]],
    blocks: Iterable[DistanceBlock],
) -> _Summary:
    return summary(RerankedBlocks(blocks, scores))


def _scores(
    images: Searcher, queries: Sequence[Matrix], nearest: Sequence[Sequence[Match]], refinement: RefinementConfig
) -> list[dict[str, float]]:
    """Return for each query the scores of the images to re-rank by id: of several recipes the highest counts.

    Args:
        images: The collection.
        queries: For each recipe the vectors of m queries, (m, k).
        nearest: The nearest images of each query, one more than are re-ranked.
        refinement: Options of re-ranking.
    """
    ids = [[match.id for match in _first(matches, refinement.rerank_top)] for matches in nearest]
    by_recipe = images.vectors({image for of_query in ids for image in of_query})

    def scores(query: int) -> dict[str, float]:
        per_recipe = [
            superglobal(
                vectors[query],
                np.stack([by_id[image] for image in ids[query]]),
                refinement.rerank_neighbours,
                refinement.rerank_beta,
            )
            for vectors, by_id in zip(queries, by_recipe, strict=True)
        ]
        return dict(zip(ids[query], np.max(per_recipe, axis=0).tolist(), strict=True))

    return [scores(query) if ids[query] else {} for query in range(len(ids))]


def _first(matches: Sequence[Match], number: int) -> Sequence[Match]:
    """Return the matches to re-rank: so many, but none at the distance of the next, as names must not decide."""
    if len(matches) <= number:
        return matches
    return [match for match in matches[:number] if match.distance < matches[number].distance]
