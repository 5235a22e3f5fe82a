"""Scores of methods under a benchmark, from exact scans of a run's descriptors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from osrmac.config import EvaluationConfig
from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.evaluation.results import Score
from osrmac.reduction.base import Reduction
from osrmac.retrieval.ranks import count_ranks, merge_ranks
from osrmac.retrieval.topk import Candidate, candidates, merge_nearest
from osrmac.runs.benchmarks.distractors import distractor_source
from osrmac.runs.benchmarks.score_sheet import ScoreSheet
from osrmac.runs.methods import Method
from osrmac.runs.reductions.reduced_reader import read_reduced
from osrmac.runs.refinement.augmentation import augmented
from osrmac.runs.refinement.expansion import expanded
from osrmac.runs.refinement.reranking import query_parts, reranked
from osrmac.runs.scan import Scan
from osrmac.runs.searcher import Comparison, ExactSearcher, Searcher, Spread
from osrmac.runs.shard_reader import Block, Source, read_region_blocks, source
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.storage.shards import Vectors
from osrmac.types import DistanceBlock, Match, Matrix, QueryResult, Rank, Verdict

__all__ = ["SHOWN", "judge", "query_results", "query_vectors", "scores"]

_Read = Callable[[Location, str, Reduction | None], Vectors]

SHOWN = 10
"""Number of matches of a query that are stored, junk not counted."""

_IN_MEMORY = 2_000_000_000
"""Bytes of vectors up to which a collection is read once for all methods; a larger one is read shard by shard."""


def scores(
    run: Run,
    benchmark: Benchmark,
    crops: Location,
    ids: Mapping[str, str],
    methods: Iterable[Method],
    evaluation: EvaluationConfig,
    sheet: ScoreSheet | None = None,
    spread: Spread | None = None,
) -> Iterator[Score]:
    """Score methods in every query mode; the score of a random choice is the mean over 20 of them.

    Args:
        run: Run with descriptors.
        benchmark: Benchmark, reduced to the images that the run has.
        crops: Folder of the shards of cropped queries, whose ids are the names of the queries.
        ids: Ids of the described images, by the names that the benchmark has for them.
        methods: Methods to score. Methods of one recipe should follow each other, so that it is read once.
        evaluation: Distance, distractors, and in this order database-side augmentation, query expansion and re-ranking.
        sheet: Gets the rankings of each method; of a random choice, those of its first seed.
        spread: Cluster that scans large collections; database-side augmentation needs them in one place.

    Raises:
        BenchmarkError: A query could not be described.
    """
    read = lru_cache(maxsize=4)(_read)
    for method in methods:
        first, *others = method.draws()
        draws = [list(_scores(run, benchmark, crops, ids, first, evaluation, read, spread, sheet))]
        draws += [list(_scores(run, benchmark, crops, ids, draw, evaluation, read, spread)) for draw in others]
        yield from (Score.mean_of(of_mode) for of_mode in zip(*draws, strict=True))


def _scores(
    run: Run,
    benchmark: Benchmark,
    crops: Location,
    ids: Mapping[str, str],
    method: Method,
    evaluation: EvaluationConfig,
    read: _Read,
    spread: Spread | None,
    sheet: ScoreSheet | None = None,
) -> Iterator[Score]:
    """Score one method in every query mode: see `scores`."""
    outside = frozenset(ids[name] for name in benchmark.outside if name in ids)
    cropped = Scan(partial(_read_all, read, crops, method), evaluation.distance)
    with _collection(run, method, evaluation, outside, read, spread) as (images, ranked):
        for mode, queries in benchmark.modes.items():
            vectors = query_vectors(queries, ids, images, cropped, crops)
            if evaluation.query_expansion:
                vectors = expanded(ranked, vectors, evaluation.query_expansion, evaluation.alpha)
            noted = partial(sheet.add, method) if sheet is not None else None
            results = tuple(_results(benchmark, queries, vectors, ranked, ids, evaluation, noted))
            yield Score.of(method.name, method.label, mode, vectors[0].shape[1], results, method.digest)


@contextmanager
def _collection(
    run: Run,
    method: Method,
    evaluation: EvaluationConfig,
    outside: frozenset[str],
    read: _Read,
    spread: Spread | None,
) -> Iterator[tuple[ExactSearcher, ExactSearcher]]:
    """Give the images of a run, and those that are ranked, which may be distractors, too."""
    own = source(run, method)
    others = [] if evaluation.distractors is None else [distractor_source(method, evaluation.distractors)]
    sizes = own.size + sum(images.size for images in others)
    if spread is not None and not evaluation.database_augmentation and spread.pays(sizes):
        images = spread.scan([own], evaluation.distance, outside)
        yield images, spread.scan([own, *others], evaluation.distance, outside) if others else images
        return
    in_memory = own.size <= _IN_MEMORY
    described = Scan(_blocks(own, read, run, method, in_memory=in_memory), evaluation.distance, outside=outside)
    with augmented(described, evaluation.database_augmentation, evaluation.alpha, in_memory=in_memory) as images:
        yield images, images.joined(others)


def _blocks(own: Source, read: _Read, run: Run, method: Method, *, in_memory: bool) -> Callable[[], Iterable[Block]]:
    """Return what gives the blocks of a collection with each call: one from memory, or one shard after another."""
    if in_memory:
        return partial(list, list(_read_all(read, run.descriptors, method)))
    return partial(own.read, own.shards)


def _results(
    benchmark: Benchmark,
    queries: Sequence[Query],
    vectors: Sequence[Matrix],
    images: ExactSearcher,
    ids: Mapping[str, str],
    evaluation: EvaluationConfig,
    noted: Callable[[Sequence[Query], Comparison], None] | None,
) -> Iterator[QueryResult]:
    """Rank the collection for queries with these vectors, (m, k) for each recipe, and judge and note the rankings."""
    for part in query_parts(vectors, evaluation):
        compared = [of[part] for of in vectors]
        comparison = images.compare(compared)
        if evaluation.rerank is not None:
            comparison = reranked(images, compared, comparison, evaluation)
        yield from query_results(benchmark, queries[part], comparison, ids)
        if noted is not None:
            noted(queries[part], comparison)


def _read(folder: Location, recipe: str, reduction: Reduction | None) -> Vectors:
    """Read all descriptors of one recipe, reduced shard by shard if a reduction is given."""
    paths = shards.paths(folder)
    return shards.read_vectors(paths, recipe) if reduction is None else read_reduced(paths, recipe, reduction)


def _read_all(read: _Read, folder: Location, method: Method) -> Iterator[Block]:
    """Read all images of a folder: their regions into a block for each shard, other vectors into one block."""
    if method.best_region:
        yield from read_region_blocks(method, shards.paths(folder))
        return
    per_recipe = [read(folder, recipe, method.on_reading) for recipe in method.recipes]
    yield Block(per_recipe[0].ids, tuple(method.reduce(vectors.values) for vectors in per_recipe))


def query_vectors(
    queries: Sequence[Query], ids: Mapping[str, str], images: Searcher, cropped: Searcher, crops: Location
) -> list[Matrix]:
    """Return the descriptors of queries, (m, k) for each recipe, from their crops or from the collection itself.

    Args:
        queries: Queries of one mode.
        ids: Ids of the described images, by name.
        images: The collection.
        cropped: The cropped queries, whose ids are the names of the queries.
        crops: Folder of the cropped queries, for messages.

    Raises:
        BenchmarkError: A query could not be described.
    """
    boxed = any(query.box is not None for query in queries)
    wanted = [query.name if boxed else ids[query.image] for query in queries]
    vectors = (cropped if boxed else images).vectors(wanted)
    missing = [name for name in wanted if not vectors or name not in vectors[0]]
    if missing:
        raise BenchmarkError(f"query {missing[0]!r} could not be described: see the error of its row in {crops}")
    return [np.stack([by_name[name] for name in wanted]) for by_name in vectors]


def query_results(
    benchmark: Benchmark, queries: Sequence[Query], comparison: Comparison, ids: Mapping[str, str]
) -> Iterator[QueryResult]:
    """Rank the collection for each query, and judge the ranking.

    Args:
        benchmark: Benchmark with its measures.
        queries: Queries of one mode, m.
        comparison: Distances of the queries to the collection, which are summarized twice.
        ids: Ids of the described images, by name.
    """
    targets = [{ids[name]: name for name in query.positives | query.junk if name in ids} for query in queries]
    wanted = [frozenset(names) for names in targets]
    number = SHOWN + max(len(query.junk) for query in queries)
    target_distances: list[dict[str, float]] = [{} for _ in queries]
    summaries = comparison.summarize(partial(_nearest_and_targets, number=number, wanted=wanted))
    first = merge_nearest(_noting(summaries, target_distances), len(queries), number)
    ranks_by_id = merge_ranks(comparison.summarize(partial(count_ranks, targets=target_distances)), target_distances)
    for query, names, matches, by_id in zip(queries, targets, first, ranks_by_id, strict=True):
        by_name = {names[image]: rank for image, rank in by_id.items()}
        yield replace(judge(benchmark, query, by_name, matches), image=ids[query.image])


_Nearest = list[list[Candidate]]
_Distances = list[dict[str, float]]


def _nearest_and_targets(
    blocks: Iterable[DistanceBlock], number: int, wanted: Sequence[frozenset[str]]
) -> tuple[_Nearest, _Distances]:
    """Return for each query its nearest images in a part of the collection, and the distances of the wanted ones."""
    found: _Distances = [{} for _ in wanted]

    def noted() -> Iterator[DistanceBlock]:
        for url, images, block in blocks:
            positions = {image: position for position, image in enumerate(images)}
            for of_query, distances, row in zip(wanted, found, block, strict=True):
                distances |= {image: float(row[positions[image]]) for image in of_query & positions.keys()}
            yield url, images, block

    return candidates(noted(), len(wanted), number), found


def _noting(summaries: Iterable[tuple[_Nearest, _Distances]], noted: _Distances) -> Iterator[_Nearest]:
    """Pass the nearest images of each part on, and note the distances."""
    for near, found in summaries:
        for distances, of_part in zip(noted, found, strict=True):
            distances.update(of_part)
        yield near


def judge(benchmark: Benchmark, query: Query, ranks: Mapping[str, Rank], nearest: Sequence[Match]) -> QueryResult:
    """Judge the ranking of one query.

    Args:
        benchmark: Benchmark with its measures.
        query: Query of the benchmark.
        ranks: Ranks of the query's positives and junk, by name.
        nearest: Images ranked first.
    """
    matches = [replace(match, verdict=_verdict(query, benchmark.name_of(match.id))) for match in nearest]
    # A query image that finds itself says nothing where the protocol takes it out of the ranking.
    others = [match for match in matches if match.verdict != "junk" or benchmark.name_of(match.id) != query.image]
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
