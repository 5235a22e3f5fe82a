"""What the protocols have in common: queries, the images that should be found, and measures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from osrmac.errors import BenchmarkError
from osrmac.evaluation import metrics
from osrmac.types import Box

__all__ = ["Benchmark", "Query", "by_id", "by_stem", "found_ranks"]


_MEASURES: Mapping[str, Callable[[Collection[int], int], float]] = {
    "mAP": lambda ranks, positives: 100 * metrics.average_precision(ranks, positives),
    "mP@1": lambda ranks, _: 100 * metrics.precision_at(ranks, 1),
    "mP@5": lambda ranks, _: 100 * metrics.precision_at(ranks, 5),
    "mP@10": lambda ranks, _: 100 * metrics.precision_at(ranks, 10),
    "N-S": lambda ranks, _: metrics.n_s_score(ranks),
}
"""From the ranks of the positives that were retrieved, junk left out, and the number of all positives."""


@dataclass(frozen=True)
class Query:
    """A question put to the collection.

    Attributes:
        name: Unique within its mode.
        image: The image asked with.
        positives: The images that should come first.
        junk: Images taken out of the ranking before it is scored.
        box: Part of the image asked with, in pixels; None for all of it.
    """

    name: str
    image: str
    positives: frozenset[str]
    junk: frozenset[str] = frozenset()
    box: Box | None = None


def by_stem(image_id: str) -> str:
    """The name by which the published ground truths know an image: its file's stem."""
    return PurePosixPath(image_id).stem


def by_id(image_id: str) -> str:
    """The id itself."""
    return image_id


@dataclass(frozen=True)
class Benchmark:
    """A protocol with its ground truth.

    Attributes:
        name: Of the benchmark.
        modes: For each query mode its queries.
        measures: The main one first: `mAP` (trapezoidal) and `mP@1`, `mP@5`, `mP@10` in percent, or `N-S`, 0 to 4.
        size: Number of images of the whole collection, or None where any will do.
        naming: Gives the name by which the ground truth knows an id.
        outside: Query images that are no part of the collection; every query counts them as junk.
    """

    name: str
    modes: Mapping[str, tuple[Query, ...]]
    measures: tuple[str, ...]
    size: int | None
    naming: Callable[[str], str] = by_stem
    outside: frozenset[str] = frozenset()

    @property
    def images(self) -> frozenset[str]:
        """The images without which a score is no score of this benchmark: queries and positives."""
        queries = [query for mode in self.modes.values() for query in mode]
        return frozenset(query.image for query in queries).union(*(query.positives for query in queries))

    def in_modes(self, names: Iterable[str]) -> Benchmark:
        """The same benchmark with only these query modes; all of them if none is named.

        Raises:
            BenchmarkError: The protocol has no such mode.
        """
        names = tuple(names) or tuple(self.modes)
        for name in names:
            if name not in self.modes:
                raise BenchmarkError(f"{self.name} has no query mode '{name}': choose from {', '.join(self.modes)}")
        return replace(self, modes={name: self.modes[name] for name in names})

    def names_of(self, ids: Iterable[str]) -> list[str]:
        """The ground truth's names of these ids, in the same order.

        Raises:
            BenchmarkError: Two ids have the same name.
        """
        owner: dict[str, str] = {}
        for image_id in ids:
            name = self.naming(image_id)
            if name in owner:
                raise BenchmarkError(
                    f"{owner[name]!r} and {image_id!r} are both {name!r} to {self.name}: keep one of them"
                )
            owner[name] = image_id
        return list(owner)

    def on(self, available: Iterable[str], *, subset: bool) -> Benchmark:
        """The benchmark on a collection of these names.

        Args:
            available: Names of the described images.
            subset: Leave out what is missing instead of refusing.

        Raises:
            BenchmarkError: Relevant images are missing, or no query is left.
        """
        present = frozenset(available)
        missing = sorted(self.images - present)
        if missing and not subset:
            raise BenchmarkError(
                f"{len(missing)} of the {len(self.images)} images that {self.name} asks for are not described, "
                f"first {missing[0]!r}: describe them, or score what is there with --subset"
            )
        modes = {mode: tuple(self._reduced(queries, present)) for mode, queries in self.modes.items()}
        if not all(modes.values()):
            raise BenchmarkError(f"none of the queries of {self.name} can be asked of this collection")
        return replace(self, modes=modes)

    def _reduced(self, queries: Iterable[Query], present: frozenset[str]) -> Iterable[Query]:
        for query in queries:
            positives = query.positives & present
            enough = positives == query.positives if "N-S" in self.measures else positives
            if query.image in present and enough:
                yield replace(query, positives=positives)

    def score(self, query: Query, ranks: Mapping[str, int]) -> dict[str, float]:
        """One query by every measure.

        Args:
            query: One of the benchmark's.
            ranks: 0-based ranks by name; images that were not retrieved are left out.
        """
        found = found_ranks(query, ranks)
        return {measure: _MEASURES[measure](found, len(query.positives)) for measure in self.measures}


def found_ranks(query: Query, ranks: Mapping[str, int]) -> list[int]:
    """Ranks that a query's positives have where its junk is taken out, ascending; for the arguments see `score`."""
    junk = [ranks[name] for name in query.junk if name in ranks]
    return metrics.without_junk((ranks[name] for name in query.positives if name in ranks), junk)
