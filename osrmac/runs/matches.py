"""The matches of queries: ranked, with their locations, and with the boxes of matching regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from osrmac.config import SearchConfig
from osrmac.runs.methods import Method
from osrmac.runs.refinement.expansion import expanded
from osrmac.runs.refinement.reranking import ranked
from osrmac.runs.searcher import Searcher
from osrmac.storage.run import Run
from osrmac.types import Match, Matrix

__all__ = ["find_matches"]


def find_matches(
    run: Run,
    method: Method,
    images: Searcher,
    queries: Sequence[Matrix],
    options: SearchConfig,
    rows: Callable[[Sequence[Match]], Mapping[str, Mapping[str, Any]]],
) -> list[list[Match]]:
    """Find the first matches of each query, with their locations, and with boxes where regions are compared.

    Args:
        run: Run with descriptors.
        method: Method that is compared.
        images: The collection.
        queries: For each recipe of the method the vectors of m queries, (m, k).
        options: Number of matches, and how rankings are refined.
        rows: Returns the rows of matches by id, with their shards.
    """
    if options.query_expansion:
        # By the whole collection: images that are left out of the results change nothing about the query.
        queries = expanded(images.of_all(), queries, options.query_expansion, options.alpha)
    nearest = ranked(images, queries, options.top, options)
    details = rows([match for matches in nearest for match in matches])
    if method.best_region:
        # Only the sizes of feature maps need torch.
        from osrmac.runs.match_boxes import with_boxes  # noqa: PLC0415

        nearest = with_boxes(run, method, queries[0], nearest, details, options.distance)
    return [[replace(match, uri=details[match.id]["uri"]) for match in matches] for matches in nearest]
