"""Score a run, or rankings that any system made, under the protocols of the field."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from osrmac.config import ComputeConfig, Distance, EvaluationConfig
from osrmac.errors import BenchmarkError, StorageError
from osrmac.pipeline.describe import describe
from osrmac.pipeline.extract import identify
from osrmac.pipeline.fit import selections
from osrmac.retrieval import protocols, rankings, search
from osrmac.retrieval.benchmark import Benchmark, Query
from osrmac.retrieval.report import Answer, Evaluation, Score
from osrmac.selection.selection import Selection
from osrmac.storage import files, schema, shards
from osrmac.storage.run import Run
from osrmac.storage.shards import Vectors

__all__ = ["evaluate", "evaluate_rankings"]

_SHOWN = 10


def evaluate(run: str, evaluation: EvaluationConfig, compute: ComputeConfig = ComputeConfig()) -> Evaluation:
    """Score every recipe and every selection of a run, and write the scores into it.

    Args:
        run: A run with descriptors.
        evaluation: Benchmark, ground truth, query modes and distance.
        compute: How to spread the work of describing cropped queries.

    Raises:
        OsrmacError: No run, or a benchmark that does not fit the collection.
    """
    started = time.monotonic()
    place = Run(run)
    record = place.record()
    ids = _described(place)
    benchmark = _benchmark(evaluation, ids)
    names = benchmark.names_of(ids)
    benchmark = benchmark.on(names, subset=evaluation.subset)
    crops = _describe_crops(place, benchmark, dict(zip(names, ids, strict=True)), compute)
    scores = [
        score
        for recipe in place.identity().dimensions
        for score in _scores(place, benchmark, recipe, crops, evaluation.distance)
    ]
    result = Evaluation(
        benchmark.name,
        benchmark.measure,
        _coverage(benchmark, len(ids)),
        {
            "backbone": record["descriptor"]["backbone"],
            "weights": record["weights"],
            "distance": evaluation.distance,
            "selections fitted on": record["images"],
        },
        tuple(scores),
    )
    _write(place, benchmark.name, result)
    place.finish_stage("evaluate", time.monotonic() - started, benchmark=benchmark.name)
    return result


def evaluate_rankings(folder: str, evaluation: EvaluationConfig, run: str | None = None) -> Evaluation:
    """Score rankings made elsewhere.

    Args:
        folder: See `osrmac.retrieval.rankings.parse`.
        evaluation: Benchmark and ground truth; the distance plays no part.
        run: Where to write the scores, or None.

    Raises:
        OsrmacError: No rankings, no ground truth, or a query without a ranking.
    """
    found = rankings.parse(files.read_texts(folder))
    listed = [name for ranked in found.values() for name in ranked]
    benchmark = _benchmark(evaluation, listed)
    label = PurePosixPath(folder).name
    scores = []
    for mode, queries in benchmark.modes.items():
        missing = [query.name for query in queries if query.name not in found]
        if missing and (not evaluation.subset or len(missing) == len(queries)):
            raise BenchmarkError(
                f"{len(missing)} of the {len(queries)} queries of {benchmark.name} have no ranking in {folder}, "
                f"first {missing[0]!r}: add {missing[0]}.txt, or score what is there with --subset"
            )
        answers = [
            _answer(benchmark, query, _ranks(benchmark, found[query.name]), found[query.name])
            for query in queries
            if query.name in found
        ]
        scores.append(Score(label, label, mode, None, tuple(answers)))
    result = Evaluation(benchmark.name, benchmark.measure, "rankings as given", {"rankings": folder}, tuple(scores))
    if run is not None:
        _write(Run(run), f"{benchmark.name}-{label}", result)
    return result


def _benchmark(evaluation: EvaluationConfig, collection: Iterable[str]) -> Benchmark:
    texts = files.read_texts(evaluation.ground_truth) if evaluation.ground_truth else {}
    loaded = protocols.load(evaluation.name, texts, collection=collection, subset=evaluation.subset)
    return loaded.in_modes(evaluation.queries)


def _described(run: Run) -> list[str]:
    """Sorted ids of the images that have descriptors."""
    tables = [shards.read(shard, ["id", "status"]) for shard in shards.paths(run.descriptors)]
    if not tables:
        raise StorageError(f"{run.url} has no descriptors yet: make them with osrmac extract")
    ids: list[str] = pa.concat_tables(tables).filter(pc.field("status") == schema.OK)["id"].sort().to_pylist()
    return ids


def _coverage(benchmark: Benchmark, images: int) -> str:
    return f"{images} of {benchmark.size} images" if benchmark.size else f"{images} images"


def _describe_crops(run: Run, benchmark: Benchmark, ids: Mapping[str, str], compute: ComputeConfig) -> str:
    """Describe the queries that are a part of their image; the folder of their shards, named by query."""
    queries = {query.name: query for mode in benchmark.modes.values() for query in mode if query.box is not None}
    folder = run.queries(benchmark.name)
    if not queries:
        return folder
    manifest = run.read_manifest().select(["id", "uri"])
    uris = dict(zip(manifest["id"].to_pylist(), manifest["uri"].to_pylist(), strict=True))
    requests = pa.table(
        {
            "id": list(queries),
            "uri": [uris[ids[query.image]] for query in queries.values()],
            "box": pa.array([query.box for query in queries.values()], schema.REQUEST_BOX.type),
        }
    )
    identity = run.identity()
    loaded, weights = identify(identity.descriptor)
    if loaded.fingerprint != identity.fingerprint:
        raise StorageError(f"the weights {identity.weights} have changed since {run.url} was made: use another --run")
    describe(requests, folder, identity, weights, compute)
    return folder


def _scores(run: Run, benchmark: Benchmark, recipe: str, crops: str, distance: Distance) -> Iterator[Score]:
    """The recipe as it is, then each selection from it, in every query mode."""
    database = shards.read_vectors(shards.paths(run.descriptors), recipe)
    systems: list[Selection | None] = [None, *(found for found in selections(run) if found.recipe == recipe)]
    questions = {
        mode: _query_vectors(benchmark, queries, database, recipe, crops) for mode, queries in benchmark.modes.items()
    }
    for system in systems:
        shortened = database.values if system is None else np.ascontiguousarray(system.apply(database.values))
        for mode, queries in benchmark.modes.items():
            asked = questions[mode] if system is None else np.ascontiguousarray(system.apply(questions[mode]))
            answers = _answers(benchmark, queries, asked, Vectors(database.ids, shortened), distance)
            yield Score(
                recipe if system is None else system.name,
                recipe if system is None else _label(system),
                mode,
                shortened.shape[1],
                tuple(answers),
            )


_METHODS = {"pfa": "PFA", "random": "random choice", "variance": "top variance"}


def _label(selection: Selection) -> str:
    return f"{selection.recipe} + {_METHODS[selection.method]}"


def _query_vectors(
    benchmark: Benchmark, queries: Sequence[Query], database: Vectors, recipe: str, crops: str
) -> NDArray[np.float32]:
    """Descriptors of the queries, (m, d): from their crops, or from the collection itself."""
    if any(query.box is not None for query in queries):
        known = shards.read_vectors(shards.paths(crops), recipe)
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


def _answers(
    benchmark: Benchmark, queries: Sequence[Query], asked: NDArray[np.float32], database: Vectors, distance: Distance
) -> Iterator[Answer]:
    rows = {name: row for row, name in enumerate(benchmark.names_of(database.ids))}
    ranks = np.empty(len(rows), np.int64)
    for query, vector in zip(queries, asked, strict=True):
        order = search.ranking(search.distances(vector[None], database.values, distance)[0])
        ranks[order] = np.arange(len(order))
        relevant = {name: int(ranks[rows[name]]) for name in query.positives | query.junk if name in rows}
        yield _answer(benchmark, query, relevant, [database.ids[row] for row in order[: _SHOWN + len(query.junk)]])


def _answer(benchmark: Benchmark, query: Query, ranks: Mapping[str, int], nearest: Sequence[str]) -> Answer:
    first = [image for image in nearest if benchmark.naming(image) not in query.junk]
    return Answer(query.name, benchmark.score(query, ranks), len(query.positives), tuple(first[:_SHOWN]))


def _ranks(benchmark: Benchmark, ranked: Iterable[str]) -> dict[str, int]:
    """Where each image stands in a ranking; the first place counts if it is listed twice."""
    ranks: dict[str, int] = {}
    for rank, image in enumerate(ranked):
        ranks.setdefault(benchmark.naming(image), rank)
    return ranks


def _write(run: Run, name: str, evaluation: Evaluation) -> None:
    """Scores as JSON, and every query's answer as Parquet."""
    files.write_json(
        run.evaluation(name, ".json"),
        {
            "benchmark": evaluation.benchmark,
            "measure": evaluation.measure,
            "coverage": evaluation.coverage,
            **evaluation.conditions,
            "scores": [
                {
                    "system": score.system,
                    "label": score.label,
                    "mode": score.mode,
                    "dimension": score.dimension,
                    "queries": len(score.answers),
                    "value": score.value,
                }
                for score in evaluation.scores
            ],
        },
    )
    rows = [
        {
            "system": score.system,
            "mode": score.mode,
            "query": answer.query,
            "value": answer.value,
            "positives": answer.positives,
            "first": answer.first,
        }
        for score in evaluation.scores
        for answer in score.answers
    ]
    shards.write_table(run.evaluation(name, "-queries.parquet"), pa.Table.from_pylist(rows))
