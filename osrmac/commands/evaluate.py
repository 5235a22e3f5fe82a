"""Score a run, or rankings that any system made, under the protocols of the field."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.config import ComputeConfig, EvaluationConfig
from osrmac.errors import BenchmarkError, StorageError
from osrmac.evaluation import protocols, rankings
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.evaluation.results import Evaluation, Score
from osrmac.runs.methods import Method, list_methods
from osrmac.runs.scoring import SHOWN, judged, scores
from osrmac.storage import manifest, schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.storage.text_files import read_files, read_texts
from osrmac.types import Match, QueryResult

__all__ = ["coverage", "evaluate", "evaluate_rankings", "prepare"]


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
    benchmark, crops, ids = prepare(place, evaluation, compute)
    record = place.record()
    compared = list_methods(place)
    result = Evaluation(
        benchmark.name,
        benchmark.measures,
        coverage(benchmark, ids),
        {
            "backbone": record["descriptor"]["backbone"],
            "weights": record["weights"],
            "distance": evaluation.distance,
            **_averaging(evaluation),
            **_fitted_on(compared),
        },
        tuple(scores(place, benchmark, crops, ids, compared, evaluation)),
    )
    _write(place, benchmark.name, result)
    place.finish_stage("evaluate", time.monotonic() - started, benchmark=benchmark.name)
    return result


def evaluate_rankings(folder: str, evaluation: EvaluationConfig, run: str | None = None) -> Evaluation:
    """Score rankings made elsewhere.

    Args:
        folder: See `osrmac.evaluation.rankings.parse`.
        evaluation: Benchmark and ground truth; the distance plays no part.
        run: Where to write the scores, or None.

    Raises:
        OsrmacError: No rankings, no ground truth, or a query without a ranking.
    """
    found = rankings.parse(read_texts(Location.of(folder)))
    listed = [name for ranked in found.values() for name in ranked]
    benchmark = _benchmark(evaluation, listed)
    label = PurePosixPath(folder).name
    rated = []
    for mode, queries in benchmark.modes.items():
        missing = [query.name for query in queries if query.name not in found]
        if missing and (not evaluation.subset or len(missing) == len(queries)):
            raise BenchmarkError(
                f"{len(missing)} of the {len(queries)} queries of {benchmark.name} have no ranking in {folder}, "
                f"first {missing[0]!r}: add {missing[0]}.txt, or score what is there with --subset"
            )
        results = [_judged(benchmark, query, found[query.name]) for query in queries if query.name in found]
        rated.append(Score.of(label, label, mode, None, results))
    result = Evaluation(benchmark.name, benchmark.measures, "rankings as given", {"rankings": folder}, tuple(rated))
    if run is not None:
        _write(Run(run), f"{benchmark.name}-{label}", result)
    return result


def prepare(
    run: Run, evaluation: EvaluationConfig, compute: ComputeConfig
) -> tuple[Benchmark, Location, dict[str, str]]:
    """Fit a benchmark to what a run has described, and describe the queries that are a part of their image.

    Returns:
        The benchmark, the folder of the queries' shards, and the ids of the described images by their names.

    Raises:
        OsrmacError: No run, or a benchmark that does not fit the collection.
    """
    run.record()
    described = _described(run)
    benchmark = _benchmark(evaluation, described)
    ids = dict(zip(benchmark.names_of(described), described, strict=True))
    benchmark = benchmark.on(ids, subset=evaluation.subset)
    return benchmark, _describe_crops(run, benchmark, ids, compute), ids


def _benchmark(evaluation: EvaluationConfig, collection: Iterable[str]) -> Benchmark:
    ground_truth = read_files(Location.of(evaluation.ground_truth)) if evaluation.ground_truth else {}
    loaded = protocols.load(evaluation.name, ground_truth, collection=collection, subset=evaluation.subset)
    return loaded.in_modes(evaluation.queries)


def _described(run: Run) -> list[str]:
    """Sorted ids of the images that have descriptors."""
    tables = [shards.read(shard, ["id", "status"]) for shard in shards.paths(run.descriptors)]
    if not tables:
        raise StorageError(f"{run.url} has no descriptors yet: make them with osrmac extract")
    ids: list[str] = pa.concat_tables(tables).filter(pc.field("status") == schema.OK)["id"].sort().to_pylist()
    return ids


def coverage(benchmark: Benchmark, names: Iterable[str]) -> str:
    """Which part of the benchmark's collection these images are, in words."""
    images = len(frozenset(names) - benchmark.outside)
    return f"{images} of {benchmark.size} images" if benchmark.size else f"{images} images"


def _averaging(evaluation: EvaluationConfig) -> dict[str, str]:
    options = {
        "query expansion": evaluation.query_expansion,
        "database augmentation": evaluation.database_augmentation,
    }
    return {name: f"{number} neighbours, alpha {evaluation.alpha:g}" for name, number in options.items() if number}


def _fitted_on(compared: Iterable[Method]) -> dict[str, str]:
    """What the selections were fitted on; where that differs, which of them on what."""
    names: dict[str, list[str]] = {}
    for method in compared:
        if method.reduction is not None and method.name == method.reduction.name:
            names.setdefault(method.reduction.fitted_on, []).append(method.name)
    if not names:
        return {}
    each = [f"{source} ({', '.join(fitted)})" for source, fitted in names.items()]
    return {"selections fitted on": next(iter(names)) if len(names) == 1 else ", ".join(each)}


def _describe_crops(run: Run, benchmark: Benchmark, ids: Mapping[str, str], compute: ComputeConfig) -> Location:
    """Describe the queries that are a part of their image; the folder of their shards, named by query."""
    queries = {query.name: query for mode in benchmark.modes.values() for query in mode if query.box is not None}
    folder = run.queries(benchmark.name)
    if not queries:
        return folder
    known = manifest.read_all(run.manifest, schema.COLLECTION.names)
    rows = known.take(pc.index_in(pa.array([ids[query.image] for query in queries.values()]), known["id"]))
    boxes = pa.array([query.box for query in queries.values()], schema.QUERIES.field("box").type)
    asked = rows.set_column(0, "id", pa.array(list(queries))).append_column("box", boxes).cast(schema.QUERIES)
    planned = run.queries_manifest(benchmark.name)
    # Where all of them are described already, neither Ray nor the weights are needed.
    from osrmac.distributed.describe import describe
    from osrmac.runs.identity import identify_again, rows_per_shard

    identity, weights = identify_again(run)
    manifest.update(planned, [asked], rows_per_shard(identity, compute))
    describe(planned, folder, identity, weights, compute)
    return folder


def _judged(benchmark: Benchmark, query: Query, ranked: Sequence[str]) -> QueryResult:
    shown = ranked[: SHOWN + len(query.junk)]
    return judged(
        benchmark, query, _ranks(benchmark, ranked), [Match(image, rank) for rank, image in enumerate(shown, 1)]
    )


def _ranks(benchmark: Benchmark, ranked: Iterable[str]) -> dict[str, int]:
    """Where each image stands in a ranking; the first place counts if it is listed twice."""
    ranks: dict[str, int] = {}
    for rank, image in enumerate(ranked):
        ranks.setdefault(benchmark.naming(image), rank)
    return ranks


def _write(run: Run, name: str, evaluation: Evaluation) -> None:
    """Write the scores as JSON, and the result of every query as Parquet."""
    run.evaluation(name, ".json").write_json(evaluation.to_json())
    rows = [
        {"system": score.method, "mode": score.mode, **_row(result)}
        for score in evaluation.scores
        for result in score.results
    ]
    table = pa.Table.from_pylist(rows, schema=schema.query_results(evaluation.measures))
    shards.write_table(run.evaluation(name, "-queries.parquet"), table)


def _row(result: QueryResult) -> dict[str, Any]:
    return {
        "query": result.query,
        **result.values,
        "positives": result.positives,
        "first": [match.id for match in result.matches if match.verdict != "junk"][:SHOWN],
        "image": result.image,
        "box": result.box,
        "ranks": result.ranks,
        "nearest": [{"id": match.id, "verdict": match.verdict} for match in result.matches[:SHOWN]],
    }
