"""Search by an index: candidates are found by their codes, and compared by their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from osrmac.retrieval.distances import distances
from osrmac.retrieval.topk import Candidate, candidates, merge_nearest
from osrmac.runs.index_search.images import FoundImages, IndexedImages
from osrmac.runs.refinement.expansion import at_once
from osrmac.runs.scan import Scan
from osrmac.types import Match, Matrix

__all__ = ["IndexSearcher"]

_PER_RESULT = 4
"""Candidates for each result, at least."""

_MOST_CANDIDATES = 5_000
"""Candidates that are looked up at most, where many of them are left out of the results."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IndexSearcher:
    """Finds images through an index, and the images that the index does not cover by a scan.

    Distances are the same as those of a scan, of which this is an approximation: see `osrmac.runs.searcher.Searcher`.
    A query for which the index finds too few images is compared with all. One searcher answers the queries of one
    search.

    Attributes:
        images: The images that the index covers.
        scan: Exact scan of all images.
        scan_uncovered: Exact scan of the images that the index does not cover; None if there are none.
        candidates: Number of images that are compared exactly for each query.
    """

    images: IndexedImages
    scan: Scan
    scan_uncovered: Scan | None
    candidates: int
    _vectors: dict[str, Matrix] = field(default_factory=dict)
    """Vectors of the images that were found last."""

    def nearest(self, queries: Sequence[Matrix], number: int) -> list[list[Match]]:
        """Return the nearest images of each query, nearest first; ties are ordered by id and marked."""
        (vectors,) = queries
        self._vectors.clear()
        step = at_once(max(self.candidates, _PER_RESULT * number), vectors.shape[1])
        parts = [vectors[start : start + step] for start in range(0, len(vectors), step)]
        return [matches for part in parts for matches in self._nearest(part, number)]

    def _nearest(self, queries: Matrix, number: int) -> list[list[Match]]:
        keys, found = self._find(queries, max(self.candidates, _PER_RESULT * number))
        compared = [self._compare(query, found, of_query) for query, of_query in zip(queries, keys, strict=True)]
        parts = [[sorted(each)[: number + 1] for each in compared]]
        if self.scan_uncovered is not None:
            parts.append(candidates(self.scan_uncovered.distances([queries]), len(queries), number))
        matches = merge_nearest(parts, len(queries), number)
        positions = {image: row for row, image in enumerate(found.ids)}
        names = {match.id for of_query in matches for match in of_query} & positions.keys()
        self._vectors.update((name, found.vectors[positions[name]].copy()) for name in names)
        few = [row for row, each in enumerate(compared) if len(each) <= number and len(keys[row]) < len(self.images)]
        for row, of_query in zip(few, self.scan.nearest([queries[few]], number) if few else (), strict=True):
            matches[row] = of_query
        return matches

    def _find(self, queries: Matrix, wanted: int) -> tuple[list[NDArray[np.int64]], FoundImages]:
        """Return the keys of each query's candidates, and all candidates; more where many are left out of results."""
        most = min(max(wanted, _MOST_CANDIDATES), self.images.index.stored.images)
        asked = min(wanted, most)
        while True:
            keys = self.images.find(queries, asked)
            found = self.images.read(np.unique(np.concatenate(keys)))
            inside = found.keys[[image not in self.scan.outside for image in found.ids]]
            fewest = min(int(np.isin(of_query, inside).sum()) for of_query in keys)
            if fewest >= wanted or asked == most:
                return keys, found
            asked = min(4 * asked, most)

    def _compare(self, query: Matrix, found: FoundImages, keys: NDArray[np.int64]) -> list[Candidate]:
        rows = np.flatnonzero(np.isin(found.keys, keys))
        exact = distances(query[None], found.vectors[rows], self.scan.distance, self.scan.device)[0].tolist()
        pairs = zip(exact, rows.tolist(), strict=True)
        compared = [(distance, found.ids[row], found.shards[row]) for distance, row in pairs]
        return [each for each in compared if each[1] not in self.scan.outside]

    def vectors(self, ids: Iterable[str]) -> list[dict[str, Matrix]]:
        """Look up images, and return their vectors, (k,), by id, in a list of one; unknown ids are left out."""
        wanted = frozenset(ids)
        found = {image: self._vectors[image] for image in wanted & self._vectors.keys()}
        for scan in (self.scan_uncovered, self.scan):
            missing = wanted - found.keys()
            if missing and scan is not None:
                found |= next(iter(scan.vectors(missing)), {})
        return [found]

    def of_recipe(self, index: int) -> IndexSearcher:  # noqa: ARG002  # there is one
        """Return the searcher itself, which compares one recipe."""
        return self

    def of_all(self) -> IndexSearcher:
        """Return a searcher that leaves no image out of the results."""
        uncovered = None if self.scan_uncovered is None else self.scan_uncovered.of_all()
        return replace(self, scan=self.scan.of_all(), scan_uncovered=uncovered, _vectors={})
