"""Scores of systems: what each query finds, ranked by the distances of whole, shortened or averaged vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from osrmac.config import EvaluationConfig
from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.evaluation.results import Score
from osrmac.reduction.base import Reduction
from osrmac.retrieval import expansion
from osrmac.retrieval.ranks import ranks
from osrmac.retrieval.topk import nearest
from osrmac.runs.methods import Method
from osrmac.runs.reduced_reader import read_reduced
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import Block, blocks, listed
from osrmac.storage import shards
from osrmac.storage.run import Run
from osrmac.storage.shards import Vectors
from osrmac.types import Match, Matrix, QueryResult, Verdict

__all__ = ["SHOWN", "judged", "query_results", "query_vectors", "scores"]

Distances = Iterable[tuple[str, Sequence[str], Matrix]]

SHOWN = 10

_IN_MEMORY = 2_000_000_000
"""Bytes of vectors up to which a collection is read once for all systems; a larger one is read shard by shard."""


def scores(
    run: Run,
    benchmark: Benchmark,
    crops: str,
    ids: Mapping[str, str],
    methods: Iterable[Method],
    evaluation: EvaluationConfig,
) -> Iterator[Score]:
    """Score systems in every query mode.

    Args:
        run: Holds the descriptors.
        benchmark: Reduced to what the run has.
        crops: Folder of the shards with the cropped queries, named by query.
        ids: Of the described images, by the names that the benchmark has for them.
        methods: What to score; those of one recipe should follow each other.
        evaluation: Distance and averaging with neighbours; database augmentation has all vectors in memory.

    Raises:
        BenchmarkError: A query could not be described.
    """
    read = lru_cache(maxsize=4)(_read)
    dimensions = run.identity().dimensions
    for method in methods:
        size = 4 * len(ids) * sum(_read_dimension(method, dimensions[recipe]) for recipe in method.recipes)
        if size <= _IN_MEMORY or evaluation.database_augmentation:
            whole = _augmented(_whole(read, run.descriptors, method), evaluation)
            images = Scan(partial(list, whole), evaluation.distance)
        else:
            images = Scan(partial(blocks, run, method, listed(run)), evaluation.distance)
        cropped = Scan(partial(_whole, read, crops, method), evaluation.distance)
        for mode, queries in benchmark.modes.items():
            asked = query_vectors(queries, ids, images, cropped, crops)
            if evaluation.query_expansion:
                asked = images.expanded(asked, evaluation.query_expansion, evaluation.alpha)
            found = query_results(benchmark, queries, partial(images.distances, asked), ids)
            yield Score.of(method.name, method.label, mode, asked[0].shape[1], tuple(found))


def _read_dimension(method: Method, dimension: int) -> int:
    return dimension if method.on_reading is None else method.on_reading.dimension


def _read(folder: str, recipe: str, by: Reduction | None) -> Vectors:
    """All descriptors of one recipe, whole or shortened on reading."""
    paths = shards.paths(folder)
    return shards.read_vectors(paths, recipe) if by is None else read_reduced(paths, recipe, by)


def _whole(read: Callable[[str, str, Reduction | None], Vectors], folder: str, method: Method) -> list[Block]:
    """All images of a folder in one block, as they are compared."""
    found = [read(folder, recipe, method.on_reading) for recipe in method.recipes]
    return [Block(folder, found[0].ids, tuple(method.reduce(vectors.values) for vectors in found))]


def _augmented(whole: list[Block], evaluation: EvaluationConfig) -> list[Block]:
    neighbours, alpha, distance = evaluation.database_augmentation, evaluation.alpha, evaluation.distance
    if not neighbours:
        return whole
    (images,) = whole
    averaged = tuple(expansion.expand(known, known, neighbours, alpha, distance) for known in images.vectors)
    return [replace(images, vectors=averaged)]


def query_vectors(
    queries: Sequence[Query], ids: Mapping[str, str], images: Scan, cropped: Scan, crops: str
) -> list[Matrix]:
    """Descriptors of queries, (m, k) for each recipe: from their crops, or from the collection itself.

    Args:
        queries: Of one mode.
        ids: Of the described images, by their names.
        images: The collection.
        cropped: The same for the cropped queries, named by query.
        crops: Where the cropped queries are, for messages.

    Raises:
        BenchmarkError: A query could not be described.
    """
    boxed = any(query.box is not None for query in queries)
    wanted = [query.name if boxed else ids[query.image] for query in queries]
    found = (cropped if boxed else images).vectors(wanted)
    missing = [name for name in wanted if not found or name not in found[0]]
    if missing:
        raise BenchmarkError(f"query {missing[0]!r} could not be described: see the error of its row in {crops}")
    return [np.stack([of_recipe[name] for name in wanted]) for of_recipe in found]


def query_results(
    benchmark: Benchmark, queries: Sequence[Query], distances: Callable[[], Distances], ids: Mapping[str, str]
) -> Iterator[QueryResult]:
    """How each query fares.

    Args:
        benchmark: The protocol.
        queries: Of one mode, m.
        distances: Gives, from the first block on whenever it is called, for each block of the collection its name, the
            ids of its n images, and the queries' distances to them, (m, n).
        ids: Of the described images, by their names.
    """
    wanted = [{ids[name]: name for name in query.positives | query.junk if name in ids} for query in queries]
    known: list[dict[str, float]] = [{} for _ in queries]
    shown = SHOWN + max(len(query.junk) for query in queries)
    first = nearest(_noting(distances(), wanted, known), len(queries), shown)
    for query, names, near, of_query in zip(queries, wanted, first, ranks(distances(), known), strict=True):
        ranked = {names[image]: rank for image, rank in of_query.items()}
        yield replace(judged(benchmark, query, ranked, near), image=ids[query.image])


def _noting(
    distances: Distances, wanted: Sequence[Mapping[str, str]], known: Sequence[dict[str, float]]
) -> Iterator[tuple[str, Sequence[str], Matrix]]:
    """The same blocks; the distances to the images that are wanted are noted on the way."""
    for name, images, apart in distances:
        rows = {image: row for row, image in enumerate(images)}
        for of_query, noted, row in zip(wanted, known, apart, strict=True):
            noted |= {image: float(row[rows[image]]) for image in of_query.keys() & rows.keys()}
        yield name, images, apart


def judged(benchmark: Benchmark, query: Query, ranks: Mapping[str, int], nearest: Sequence[Match]) -> QueryResult:
    """Judge what a query found.

    Args:
        benchmark: The protocol.
        query: One of its queries.
        ranks: 0-based ranks by name of what is relevant to the query.
        nearest: The images ranked first.
    """
    matches = [replace(match, verdict=_verdict(query, benchmark.naming(match.id))) for match in nearest]
    # That the query image finds itself is no news where the protocol takes it out.
    others = [match for match in matches if match.verdict != "junk" or benchmark.naming(match.id) != query.image]
    return QueryResult(
        query.name,
        tuple(others),
        box=query.box,
        values=benchmark.score(query, ranks),
        positives=len(query.positives),
        ranks=tuple(query.positive_ranks(ranks)),
    )


def _verdict(query: Query, name: str) -> Verdict:
    if name in query.junk:
        return "junk"
    return "relevant" if name in query.positives else "wrong"
