"""Scores of systems: what each query finds, ranked by the distances of whole, shortened or averaged vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from osrmac.config import EvaluationConfig
from osrmac.errors import BenchmarkError
from osrmac.pipeline.shorten import read_shortened
from osrmac.pipeline.systems import System
from osrmac.retrieval import expansion, search
from osrmac.retrieval.benchmark import Benchmark, Query
from osrmac.retrieval.report import Answer, Score
from osrmac.selection.selection import Shortening
from osrmac.storage import shards
from osrmac.storage.run import Run
from osrmac.storage.shards import Vectors

__all__ = ["answer", "answers", "query_vectors", "scores"]

Matrix = NDArray[np.float32]

_SHOWN = 10


def scores(
    run: Run, benchmark: Benchmark, crops: str, systems: Iterable[System], evaluation: EvaluationConfig
) -> Iterator[Score]:
    """Score systems in every query mode.

    Args:
        run: Holds the descriptors.
        benchmark: Reduced to what the run has.
        crops: Folder of the shards with the cropped queries, named by query.
        systems: What to score; those of one recipe should follow each other.
        evaluation: Distance and averaging with neighbours.

    Raises:
        BenchmarkError: A query could not be described.
    """
    read = lru_cache(maxsize=2)(partial(_vectors, run, benchmark, crops))
    for system in systems:
        read_of = [read(recipe, system.on_reading) for recipe in system.recipes]
        pairs = [_compared(system, *vectors, evaluation) for vectors in read_of]
        ids = read_of[0][0].ids
        for mode, queries in benchmark.modes.items():
            distances = [search.distances(asked[mode], database, evaluation.distance) for database, asked in pairs]
            found = answers(benchmark, queries, np.minimum.reduce(distances), ids)
            yield Score(system.name, system.label, mode, pairs[0][0].shape[1], tuple(found))


def _vectors(
    run: Run, benchmark: Benchmark, crops: str, recipe: str, by: Shortening | None
) -> tuple[Vectors, dict[str, Matrix]]:
    """The database, and for each query mode the queries: descriptors of one recipe, whole or shortened on reading."""
    read = partial(shards.read_vectors, recipe=recipe) if by is None else partial(read_shortened, recipe=recipe, by=by)
    database = read(shards.paths(run.descriptors))
    asked = {
        mode: query_vectors(benchmark, queries, database, read, crops) for mode, queries in benchmark.modes.items()
    }
    return database, asked


def _compared(
    system: System, database: Vectors, asked: Mapping[str, Matrix], evaluation: EvaluationConfig
) -> tuple[Matrix, dict[str, Matrix]]:
    """What is really compared: shortened and, if asked for, averaged with neighbours."""
    known = system.shorten(database.values)
    queries = {mode: system.shorten(vectors) for mode, vectors in asked.items()}
    alpha, distance = evaluation.alpha, evaluation.distance
    if evaluation.database_augmentation:
        known = expansion.expand(known, known, evaluation.database_augmentation, alpha, distance)
    if evaluation.query_expansion:
        neighbours = evaluation.query_expansion
        queries = {mode: expansion.expand(v, known, neighbours, alpha, distance) for mode, v in queries.items()}
    return known, queries


def query_vectors(
    benchmark: Benchmark,
    queries: Sequence[Query],
    database: Vectors,
    read: Callable[[Sequence[str]], Vectors],
    crops: str,
) -> Matrix:
    """Descriptors of the queries, (m, d): from their crops, or from the collection itself."""
    if any(query.box is not None for query in queries):
        known = read(shards.paths(crops))
        rows = {name: row for row, name in enumerate(known.ids)}
        wanted = [query.name for query in queries]
    else:
        known = database
        rows = {name: row for row, name in enumerate(benchmark.names_of(database.ids))}
        wanted = [query.image for query in queries]
    missing = [name for name in wanted if name not in rows]
    if missing:
        raise BenchmarkError(f"query {missing[0]!r} could not be described: see the error of its row in {crops}")
    return known.values[[rows[name] for name in wanted]]


def answers(benchmark: Benchmark, queries: Sequence[Query], distances: Matrix, ids: Sequence[str]) -> Iterator[Answer]:
    """How each query fares, given its distances to the images of these ids, sorted."""
    rows = {name: row for row, name in enumerate(benchmark.names_of(ids))}
    ranks = np.empty(len(rows), np.int64)
    for query, to_database in zip(queries, distances, strict=True):
        order = search.ranking(to_database)
        ranks[order] = np.arange(len(order))
        relevant = {name: int(ranks[rows[name]]) for name in query.positives | query.junk if name in rows}
        yield answer(benchmark, query, relevant, [ids[row] for row in order[: _SHOWN + len(query.junk)]])


def answer(benchmark: Benchmark, query: Query, ranks: Mapping[str, int], nearest: Sequence[str]) -> Answer:
    """How a query fares, given the 0-based ranks by name of what is relevant to it, and the ids ranked first."""
    first = [image for image in nearest if benchmark.naming(image) not in query.junk]
    return Answer(query.name, benchmark.score(query, ranks), len(query.positives), tuple(first[:_SHOWN]))
