"""Queries with their ground truth, and how a benchmark scores them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from osrmac.errors import BenchmarkError
from osrmac.evaluation import metrics, ties
from osrmac.evaluation.ties import Tie
from osrmac.types import Box, Rank

__all__ = ["DISTRACTOR", "Benchmark", "PathSuffix", "Query", "by_id", "by_stem"]

DISTRACTOR = "distractor:"
"""Beginning of the ids of distractors in a ranking; no ground truth names them."""

_MEASURES: Mapping[str, Callable[[Sequence[Tie], int], float]] = {
    "mAP": lambda found, positives: 100 * metrics.average_precision(found, positives),
    "mP@1": lambda found, _: 100 * metrics.precision_at(found, 1),
    "mP@5": lambda found, _: 100 * metrics.precision_at(found, 5),
    "mP@10": lambda found, _: 100 * metrics.precision_at(found, 10),
    "mAP@all": lambda found, positives: 100 * metrics.average_precision_at(found, positives),
    "mAP@100": lambda found, positives: 100 * metrics.average_precision_at(found, positives, 100),
    "mAP@1000": lambda found, positives: 100 * metrics.average_precision_at(found, positives, 1000),
    "N-S": lambda found, _: metrics.n_s_score(found),
}
"""Functions of the retrieved positives by distance, junk removed, and the number of all positives."""


@dataclass(frozen=True)
class Query:
    """A query with its ground truth.

    Attributes:
        name: Name of the query, unique within its mode.
        image: Name of the query image.
        positives: Names of the relevant images.
        junk: Names of the images to remove from the ranking before it is scored.
        box: Part of the query image to describe; None for the whole image.
    """

    name: str
    image: str
    positives: frozenset[str]
    junk: frozenset[str] = frozenset()
    box: Box | None = None

    def positive_ranks(self, ranks: Mapping[str, Rank]) -> list[int]:
        """Return the 0-based ranks of the positives after junk is removed, ascending; ties ordered by id.

        Args:
            ranks: Ranks by image name; images that were not retrieved are absent.
        """
        positives, junk = self._judged(ranks)
        return metrics.without_junk((rank.position for rank in positives), (rank.position for rank in junk))

    def tied_positives(self, ranks: Mapping[str, Rank]) -> list[Tie]:
        """Return the positives by distance after junk is removed, from the same ranks as `positive_ranks`."""
        return ties.group(*self._judged(ranks))

    def _judged(self, ranks: Mapping[str, Rank]) -> tuple[list[Rank], list[Rank]]:
        """Return the ranks of the positives and of the junk."""
        positives, junk = ([ranks[name] for name in names if name in ranks] for names in (self.positives, self.junk))
        return positives, junk


def by_stem(image_id: str) -> str:
    """Return the stem of the file name, by which the published ground truths name an image."""
    return PurePosixPath(image_id).stem


def by_id(image_id: str) -> str:
    """Return the id itself."""
    return image_id


@dataclass(frozen=True)
class PathSuffix:
    """Naming by the last parts of the id's path, where file names alone are not unique.

    Attributes:
        parts: Number of parts.

    >>> PathSuffix(2)("ilias/cup/pos/P000_00.jpg")
    'pos/P000_00.jpg'
    """

    parts: int

    def __call__(self, image_id: str) -> str:
        """Return the name of an image."""
        return "/".join(PurePosixPath(image_id).parts[-self.parts :])


@dataclass(frozen=True)
class Benchmark:
    """A protocol with its ground truth.

    Attributes:
        name: Name of the benchmark.
        modes: Queries by query mode.
        measures: Measures, the main one first: `mAP` (trapezoidal), `mAP@all`, `mAP@100`, `mAP@1000` (rectangular),
            `mP@1`, `mP@5`, `mP@10` (all in percent), `N-S` (0 to 4).
        size: Number of images of the complete collection; None if it is the user's own.
        naming: Function from the id of an image to its name in the ground truth.
        outside: Names of query images that are not part of the collection; they are removed from every ranking.
    """

    name: str
    modes: Mapping[str, tuple[Query, ...]]
    measures: tuple[str, ...]
    size: int | None
    naming: Callable[[str], str] = by_stem
    outside: frozenset[str] = frozenset()

    @property
    def images(self) -> frozenset[str]:
        """Names of all query images and positives, which a complete collection must contain."""
        queries = [query for mode in self.modes.values() for query in mode]
        return frozenset(query.image for query in queries).union(*(query.positives for query in queries))

    @property
    def named(self) -> frozenset[str]:
        """Names of all images that the ground truth mentions."""
        junk = frozenset[str]().union(*(query.junk for mode in self.modes.values() for query in mode))
        return self.images | junk | self.outside

    def name_of(self, image_id: str) -> str:
        """Return the name of an image of a ranking; a distractor is named by its id, which no ground truth has."""
        return image_id if image_id.startswith(DISTRACTOR) else self.naming(image_id)

    def in_modes(self, names: Iterable[str]) -> Benchmark:
        """Return the benchmark with only these query modes, or with all of them if none is given.

        Raises:
            BenchmarkError: The benchmark has no such mode.
        """
        names = tuple(names) or tuple(self.modes)
        for name in names:
            if name not in self.modes:
                raise BenchmarkError(f"{self.name} has no query mode '{name}': choose from {', '.join(self.modes)}")
        return replace(self, modes={name: self.modes[name] for name in names})

    def names_of(self, ids: Iterable[str]) -> list[str]:
        """Return the ground truth's names of images, in the order of their ids.

        Raises:
            BenchmarkError: Two ids have the same name.
        """
        id_by_name: dict[str, str] = {}
        for image_id in ids:
            name = self.naming(image_id)
            if name in id_by_name:
                raise BenchmarkError(
                    f"{id_by_name[name]!r} and {image_id!r} are both {name!r} to {self.name}: keep one of them"
                )
            id_by_name[name] = image_id
        return list(id_by_name)

    def on(self, available: Iterable[str], *, subset: bool) -> Benchmark:
        """Return the benchmark restricted to a collection.

        Args:
            available: Names of the described images.
            subset: Whether to drop missing positives, and the queries that cannot be scored, instead of raising.

        Raises:
            BenchmarkError: Query images or positives are missing, or a mode has no query left.
        """
        present = frozenset(available)
        missing = sorted(self.images - present)
        if missing and not subset:
            raise BenchmarkError(
                f"{len(missing)} of the {len(self.images)} images that {self.name} needs are not described, "
                f"first {missing[0]!r}: describe them, or score the others with --subset"
            )
        modes = {mode: tuple(self._restricted(queries, present)) for mode, queries in self.modes.items()}
        for mode, queries in modes.items():
            if not queries:
                raise BenchmarkError(f"the collection has no {mode} query of {self.name} with a relevant image")
        return replace(self, modes=modes)

    def _restricted(self, queries: Iterable[Query], present: frozenset[str]) -> Iterable[Query]:
        for query in queries:
            positives = query.positives & present
            # The N-S score counts up to four, which an incomplete group cannot reach.
            scorable = positives == query.positives if "N-S" in self.measures else positives
            if query.image in present and scorable:
                yield replace(query, positives=positives)

    def score(self, query: Query, ranks: Mapping[str, Rank]) -> dict[str, float]:
        """Return the value of each measure for one query: where images are tied, its mean over all their orders.

        Args:
            query: Query of the benchmark.
            ranks: Ranks by image name; images that were not retrieved are absent.
        """
        found = query.tied_positives(ranks)
        return {measure: _MEASURES[measure](found, len(query.positives)) for measure in self.measures}
