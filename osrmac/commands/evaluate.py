"""Score a run, or rankings made by any other system, on a benchmark."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.commands.checks import check_benchmark, check_file_writable
from osrmac.commands.copies import record_page
from osrmac.config import (
    BenchmarkConfig,
    CollectionConfig,
    ComputeConfig,
    EvaluationConfig,
    FailureConfig,
    ScoreSheetConfig,
)
from osrmac.credentials import redact, without_credentials
from osrmac.errors import BenchmarkError, StorageError
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.evaluation.query_groups import query_groups
from osrmac.evaluation.rankings import parse_ranks
from osrmac.evaluation.results import Evaluation, Score
from osrmac.progress import Stage, note, stage
from osrmac.runs.benchmarks.distractors import Distractors, find_distractors
from osrmac.runs.benchmarks.query_boxes import check_boxes
from osrmac.runs.benchmarks.score_sheet import ScoreSheet
from osrmac.runs.methods import Method, choose_method, list_methods
from osrmac.runs.scoring import SHOWN, judge, scores
from osrmac.runs.searcher import Spread
from osrmac.runs.shard_reader import unpruned
from osrmac.storage import manifest, schema, shards
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.reading.text_files import read_files, read_texts
from osrmac.storage.run import Run
from osrmac.types import Match, QueryResult, Rank

__all__ = ["coverage", "distractors_of", "evaluate", "evaluate_rankings", "prepare"]

_ANYWHERE = CollectionConfig(moved=True)
"""The images of the queries move with the collection, about which `extract` has asked."""


def evaluate(
    run: str,
    evaluation: EvaluationConfig,
    compute: ComputeConfig = ComputeConfig(),
    scores_file: ScoreSheetConfig = ScoreSheetConfig(),
) -> Evaluation:
    """Score every recipe and every reduction of a run, and write the scores into the run.

    Scores with distractors are stored beside those without, as `BENCHMARK-distractors`.

    Args:
        run: Run with descriptors.
        evaluation: Benchmark, ground truth, query modes and distance.
        compute: Processes that describe cropped queries, unless these are described already; and the cluster, if any,
            whose nodes scan a large collection.
        scores_file: File to write the first images of each query to, if any.

    Raises:
        BenchmarkError: The benchmark does not fit the collection.
        NotFoundError: No run, or no ground truth.
        StorageError: The run has no descriptors, or another process writes its evaluations.
    """
    started = time.monotonic()
    place = Run(run)
    record = place.record()
    check_benchmark(evaluation)
    if scores_file.scores is not None:
        check_file_writable(Location.of(scores_file.scores))
    with locked(place.location, Part.EVALUATIONS) as lock:
        benchmark, crops, ids = prepare(place, evaluation, compute)
        methods = _scorable(list_methods(place), evaluation)
        distractors = distractors_of(place, evaluation, benchmark, ids)
        sheet = _sheet(place, benchmark, scores_file)
        with stage(f"evaluating {benchmark.name}") as current, _unpruned(distractors):
            spread = _spread(compute, current)
            scored = tuple(scores(place, benchmark, crops, ids, methods, evaluation, sheet, spread))
        result = Evaluation(
            benchmark.name,
            benchmark.measures,
            coverage(benchmark, ids, distractors),
            {
                "backbone": record["descriptor"]["backbone"],
                "weights": record["weights"],
                "distance": evaluation.distance,
                **({"distractors": str(distractors)} if distractors else {}),
                **evaluation.conditions,
                **_fitted_on(methods),
            },
            scored,
        )
        lock.confirm()
        _write(place, f"{benchmark.name}-distractors" if distractors else benchmark.name, benchmark, result)
        if sheet is not None and scores_file.scores is not None:
            Location.of(scores_file.scores).write_bytes(sheet.to_json().encode())
            record_page(place, scores_file.scores, "list", sheet.method, sheet.images)
        place.finish_stage("evaluate", time.monotonic() - started, benchmark=benchmark.name)
    return result


def _unpruned(distractors: Distractors | None) -> AbstractContextManager[None]:
    return nullcontext() if distractors is None else unpruned(distractors.run)


def _spread(compute: ComputeConfig, current: Stage) -> Spread | None:
    """Return the cluster that scans large collections; a Ray on this machine would be no faster than this process."""
    if compute.named is None:
        return None
    from osrmac.distributed.scan import Nodes

    return Nodes(compute, on_progress=current.update)


def _scorable(methods: Sequence[Method], evaluation: EvaluationConfig) -> list[Method]:
    """Leave out the methods that match regions, with a note, where images are averaged, which needs one vector each."""
    left_out = [method.name for method in methods if method.best_region and evaluation.database_augmentation]
    if left_out:
        note(f"not scored with --database-augmentation, which needs one vector an image: {', '.join(left_out)}")
    return [method for method in methods if method.name not in left_out]


def evaluate_rankings(rankings: str, evaluation: BenchmarkConfig, run: str | None = None) -> Evaluation:
    """Score rankings made by any other system.

    Args:
        rankings: Folder with one text file for each query, or one file of all: see
            `osrmac.evaluation.rankings.parse_ranks`.
        evaluation: Benchmark, ground truth and query modes.
        run: Run, or new folder, to write the scores into; None writes nothing.

    Raises:
        BenchmarkError: A query has no ranking, or the rankings do not fit the benchmark.
        NotFoundError: No rankings, or no ground truth.
    """
    check_benchmark(evaluation)
    ranked_by_query = parse_ranks(read_texts(Location.of(rankings)))
    benchmark = _benchmark(evaluation, [name for ranked in ranked_by_query.values() for name, _ in ranked])
    named = without_credentials(rankings)
    label = PurePosixPath(named).name
    scored = []
    for mode, queries in benchmark.modes.items():
        missing = [query.name for query in queries if query.name not in ranked_by_query]
        if missing and (not evaluation.subset or len(missing) == len(queries)):
            raise BenchmarkError(
                f"{len(missing)} of the {len(queries)} queries of {benchmark.name} have no ranking in {rankings}, "
                f"first {missing[0]!r}: add {missing[0]}.txt, or score the others with --subset"
            )
        results = [
            _judge(benchmark, query, ranked_by_query[query.name]) for query in queries if query.name in ranked_by_query
        ]
        scored.append(Score.of(label, label, mode, None, results))
    result = Evaluation(benchmark.name, benchmark.measures, "rankings as given", {"rankings": named}, tuple(scored))
    if run is not None:
        place = Run(run)
        with locked(place.location, Part.EVALUATIONS):
            _write(place, f"{benchmark.name}-{label}", benchmark, result)
    return result


def prepare(
    run: Run, evaluation: BenchmarkConfig, compute: ComputeConfig
) -> tuple[Benchmark, Location, dict[str, str]]:
    """Load a benchmark for the described images of a run, and describe its cropped queries.

    The caller holds the lock of the run's evaluations.

    Returns:
        The benchmark, the folder with the shards of the cropped queries, and the ids of the described images by their
        names in the ground truth.

    Raises:
        OsrmacError: No run, or a benchmark that does not fit the collection.
    """
    run.record()
    described = _described(run)
    benchmark = _benchmark(evaluation, described)
    ids = dict(zip(benchmark.names_of(described), described, strict=True))
    benchmark = benchmark.on(ids, subset=evaluation.subset)
    check_boxes(run, benchmark, ids)
    return benchmark, _describe_crops(run, benchmark, ids, compute), ids


def _benchmark(evaluation: BenchmarkConfig, collection: Iterable[str]) -> Benchmark:
    ground_truth = read_files(Location.of(evaluation.ground_truth)) if evaluation.ground_truth else {}
    loaded = protocols.load(evaluation.name, ground_truth, collection=collection, subset=evaluation.subset)
    return loaded.in_modes(evaluation.queries)


def _described(run: Run) -> list[str]:
    """Return the sorted ids of the images with descriptors."""
    tables = [shards.read(shard, ["id", "status"]) for shard in shards.paths(run.descriptors)]
    if not tables:
        raise StorageError(f"{run.url} has no descriptors yet: make them with osrmac extract")
    ids: list[str] = pa.concat_tables(tables).filter(pc.field("status") == schema.OK)["id"].sort().to_pylist()
    return ids


def distractors_of(
    run: Run, evaluation: EvaluationConfig, benchmark: Benchmark, ids: Mapping[str, str]
) -> Distractors | None:
    """Return the distractors that an evaluation asks for; see `find_distractors` for the errors."""
    if evaluation.distractors is None:
        return None
    found = find_distractors(run, evaluation.distractors, benchmark, ids.values())
    if found.namesakes:
        note(f"distractors: {found}; they count as irrelevant")
    return found


def coverage(benchmark: Benchmark, names: Iterable[str], distractors: Distractors | None = None) -> str:
    """Describe in words how much of the collection of a benchmark some images are, with the number of distractors."""
    images = len(frozenset(names) - benchmark.outside)
    covered = f"{images} of {benchmark.size} images" if benchmark.size else f"{images} images"
    return f"{covered} + {distractors.images} distractors" if distractors else covered


def _fitted_on(methods: Iterable[Method]) -> dict[str, str]:
    """Describe what the reductions were fitted on; if they differ, name those fitted on each collection."""
    names: dict[str, list[str]] = {}
    for method in methods:
        if method.reduction is not None and method.name == method.reduction.name:
            names.setdefault(redact(method.reduction.fitted_on), []).append(method.name)
    if not names:
        return {}
    sources = [f"{source} ({', '.join(fitted)})" for source, fitted in names.items()]
    return {"selections fitted on": next(iter(names)) if len(names) == 1 else ", ".join(sources)}


def _describe_crops(run: Run, benchmark: Benchmark, ids: Mapping[str, str], compute: ComputeConfig) -> Location:
    """Describe the queries that are a part of an image, under their names; return the folder of their shards."""
    queries = {query.name: query for mode in benchmark.modes.values() for query in mode if query.box is not None}
    folder = run.queries(benchmark.name)
    if not queries:
        return folder
    images = manifest.read_all(run.manifest, schema.COLLECTION.names)
    rows = images.take(pc.index_in(pa.array([ids[query.image] for query in queries.values()]), images["id"]))
    boxes = pa.array([query.box for query in queries.values()], schema.QUERIES.field("box").type)
    crops = rows.set_column(0, "id", pa.array(list(queries))).append_column("box", boxes).cast(schema.QUERIES)
    planned = run.queries_manifest(benchmark.name)
    from osrmac.distributed.describe import describe
    from osrmac.distributed.sharding import shard_count
    from osrmac.runs.identity import identify_again

    identity, weights = identify_again(run)
    manifest.check_committed(planned, folder)
    manifest.update(planned, folder, [crops], shard_count(identity, weights, compute), _ANYWHERE)
    describe(planned, folder, identity, weights, compute, FailureConfig(**asdict(run.reading())))
    return folder


def _judge(benchmark: Benchmark, query: Query, ranked: Sequence[tuple[str, Rank]]) -> QueryResult:
    """Judge a given ranking; the first rank counts if an image is listed twice."""
    query = replace(query, junk=query.junk | benchmark.outside)
    ranks: dict[str, Rank] = {}
    for image, rank in ranked:
        ranks.setdefault(benchmark.name_of(image), rank)
    shown = ranked[: SHOWN + len(query.junk)]
    return judge(benchmark, query, ranks, [Match(image, place) for place, (image, _) in enumerate(shown, 1)])


def _sheet(run: Run, benchmark: Benchmark, options: ScoreSheetConfig) -> ScoreSheet | None:
    if options.scores is None:
        return None
    return ScoreSheet(benchmark, choose_method(run, options.scores_method, regions=True).name)


def _write(run: Run, name: str, benchmark: Benchmark, evaluation: Evaluation) -> None:
    """Write the scores as JSON, and the result of every query as Parquet."""
    run.evaluation(name, ".json").write_json(evaluation.to_json())
    groups = _groups(benchmark)
    rows = [
        {"system": score.method, "mode": score.mode, **_row(result), "group": groups[result.query]}
        for score in evaluation.scores
        for result in score.results
    ]
    table = pa.Table.from_pylist(rows, schema=schema.query_results(evaluation.measures))
    shards.write_table(run.evaluation(name, "-queries.parquet"), table)


def _groups(benchmark: Benchmark) -> dict[str, int]:
    """Return the group of each query by name, the same in all query modes."""
    images: dict[str, frozenset[str]] = {}
    for query in (query for queries in benchmark.modes.values() for query in queries):
        images[query.name] = images.get(query.name, frozenset()) | query.positives | {query.image}
    return dict(zip(images, query_groups(list(images.values())), strict=True))


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
