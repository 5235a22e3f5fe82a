"""Stored evaluations of several runs, brought together to be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.errors import BenchmarkError, ConfigError, StorageError
from osrmac.evaluation.comparison import Contender
from osrmac.evaluation.results import Evaluation
from osrmac.runs.evaluations import load_evaluations
from osrmac.storage import shards
from osrmac.storage.run import Run
from osrmac.types import REMOVED_SINCE

__all__ = ["StoredScores", "common_conditions", "contenders", "load_scores"]


@dataclass(frozen=True)
class StoredScores:
    """An evaluation of a run.

    Attributes:
        run: Run that stores it.
        short: Short name of the run, different for each of the runs that are compared.
        name: Name of the evaluation.
        evaluation: The scores.
    """

    run: Run
    short: str
    name: str
    evaluation: Evaluation


def load_scores(runs: Sequence[Run], name: str | None) -> list[StoredScores]:
    """Return the evaluation of one name of each run.

    Args:
        runs: Runs to compare, at least one.
        name: Name of the evaluation; None for the only one that all runs have.

    Raises:
        BenchmarkError: The evaluations are of other images, or of another version of them.
        ConfigError: A run is given twice, or no name where the runs have several evaluations.
        StorageError: A run has no such evaluation.
    """
    if len(set(runs)) < len(runs):
        raise ConfigError("a run is given twice: name different runs")
    stored = [_evaluations(run) for run in runs]
    wanted = name or _common_name(runs, [set(names) for names in stored])
    for run, names in zip(runs, stored, strict=True):
        if wanted not in names:
            raise _missing(run, wanted)
    shorts = _short_names([run.url for run in runs])
    loaded = [
        StoredScores(run, short, wanted, names[wanted]) for run, short, names in zip(runs, shorts, stored, strict=True)
    ]
    _check_same(loaded)
    return loaded


def _evaluations(run: Run) -> dict[str, Evaluation]:
    """Return the evaluations of a run, or of a folder that rankings were scored into."""
    found = {name: evaluation for name, evaluation in load_evaluations(run).items() if evaluation.scores}
    if run.exists() or not found:
        run.record()  # raises an error if there is no run, or if images are being removed from it
    return found


def _common_name(runs: Sequence[Run], names: Sequence[set[str]]) -> str:
    common = sorted(set.intersection(*names))
    if len(common) == 1:
        return common[0]
    if common:
        raise ConfigError(f"the runs have scores of {', '.join(common)}: choose one with --benchmark")
    for run, found in zip(runs, names, strict=True):
        if not found:
            raise _missing(run, "any benchmark")
    raise StorageError(
        f"{runs[0].url} has scores of {', '.join(sorted(names[0]))}, but not all of the other runs have: score them on "
        "one benchmark with osrmac evaluate"
    )


def _missing(run: Run, name: str) -> StorageError:
    return StorageError(f"{run.url} has no scores of {name}: make them with osrmac evaluate {run.url}")


def _check_same(loaded: Sequence[StoredScores]) -> None:
    """Check that all evaluations rank the same number of images; what they are ranked by may differ."""
    first, *others = loaded
    for other in others:
        for what, ours, theirs in (
            ("coverage", first.evaluation.coverage, other.evaluation.coverage),
            (REMOVED_SINCE, *(each.evaluation.conditions.get(REMOVED_SINCE, "none") for each in (first, other))),
        ):
            if ours != theirs:
                raise BenchmarkError(
                    f"{what} of {first.name}: {ours} in {first.short}, and {theirs} in {other.short}: score both with "
                    "osrmac evaluate on the same images"
                )


def _short_names(urls: Sequence[str]) -> list[str]:
    """Return the last parts of each path, as many as tell all of them apart."""
    paths = [PurePosixPath(url).parts for url in urls]
    for length in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-length:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    return list(urls)


def common_conditions(loaded: Sequence[StoredScores]) -> dict[str, str]:
    """Return the conditions of all evaluations; where they differ, with the name of each run."""
    conditions = [_conditions(each.evaluation) for each in loaded]
    names = dict.fromkeys(name for values in conditions for name in values)
    return {name: _words([values.get(name, "none") for values in conditions], loaded) for name in names}


def _conditions(evaluation: Evaluation) -> dict[str, str]:
    return {"coverage": evaluation.coverage, **evaluation.conditions, **evaluation.remarks}


def _words(values: Sequence[str], loaded: Sequence[StoredScores]) -> str:
    if len(set(values)) == 1:
        return values[0]
    return ", ".join(f"{value} ({each.short})" for value, each in zip(values, loaded, strict=True))


def contenders(
    loaded: Iterable[StoredScores], mode: str, measure: str, methods: Sequence[str] = ()
) -> Iterator[Contender]:
    """Yield the methods of all runs that were scored in a query mode, with their scores for each query.

    Args:
        loaded: Evaluations of the runs.
        mode: Query mode.
        measure: Measure of the scores.
        methods: Names of methods; empty for all of them.

    Raises:
        StorageError: A run has no results of single queries, or not in this measure.
    """
    for each in loaded:
        table = _results(each, measure)
        for score in each.evaluation.scores:
            if score.mode == mode and (not methods or score.method in methods):
                yield _contender(each, score.method, mode, score.marked_label, score.dimension, table)


def _results(stored: StoredScores, measure: str) -> pa.Table:
    file = stored.run.evaluation(stored.name, "-queries.parquet")
    if not file.exists() or measure not in shards.footer(file).schema.to_arrow_schema().names:
        raise StorageError(
            f"{stored.run.url} has no {measure} of the single queries of {stored.name}: make them with osrmac evaluate "
            f"{stored.run.url}"
        )
    table = shards.read(file, ["system", "mode", "query", measure, "positives"])
    keys = ["system", "mode", "query"]
    means = table.group_by(keys).aggregate([(measure, "mean"), ("positives", "max")])
    return means.rename_columns([*keys, "value", "positives"])


def _contender(
    stored: StoredScores, method: str, mode: str, label: str, dimension: int | None, table: pa.Table
) -> Contender:
    rows = table.filter((pc.field("system") == method) & (pc.field("mode") == mode))
    queries = rows["query"].to_pylist()
    values = dict(zip(queries, rows["value"].to_pylist(), strict=True))
    positives = dict(zip(queries, rows["positives"].to_pylist(), strict=True))
    return Contender(stored.short, method, label, dimension, values, positives)
