"""Compare the scores of several runs on one ground truth, and tell which differences are beyond chance."""

from __future__ import annotations

from collections.abc import Sequence

from osrmac.commands.checks import check_file_writable
from osrmac.config import CompareConfig
from osrmac.errors import BenchmarkError, ConfigError
from osrmac.evaluation.comparison import Comparison, compare_scores
from osrmac.pages.intervals import interval_chart, intervals_svg
from osrmac.runs.benchmarks.stored_scores import StoredScores, common_conditions, contenders, load_scores
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["compare"]


def compare(runs: Sequence[str], options: CompareConfig = CompareConfig()) -> list[Comparison]:
    """Compare the methods of one or more runs by the scores that `osrmac evaluate` has stored in them.

    Runs may differ in all that makes up a method, such as backbone, recipe, reduction and distance; the comparison
    lists these differences. Their collection, its coverage and the ground truth must be the same.

    Args:
        runs: Paths or URLs of the runs.
        options: Benchmark, query modes, measure, methods, baseline, resampling, and figure.

    Returns:
        A comparison for each query mode.

    Raises:
        BenchmarkError: The scores are of other images, or of other queries.
        ConfigError: An unknown query mode, measure, method or baseline, or fewer than two methods.
        StorageError: There is no run, or it has no scores of the benchmark.
    """
    if not runs:
        raise ConfigError("no run given: name one RUN or several")
    figure = None if options.figure is None else Location.of(options.figure)
    if figure is not None:
        check_file_writable(figure)
    loaded = load_scores([Run(run) for run in runs], options.benchmark)
    measure = _chosen("measure", options.measure, loaded[0].evaluation.measures)
    comparisons = [_compare(loaded, mode, measure, options) for mode in _modes(loaded, options)]
    if figure is not None:
        figure.write_text(intervals_svg(list(map(interval_chart, comparisons))))
    return comparisons


def _modes(loaded: Sequence[StoredScores], options: CompareConfig) -> list[str]:
    """Return the query modes to compare: the chosen ones, otherwise those that all runs were scored in."""
    for mode in options.queries:
        _chosen("query mode", mode, loaded[0].evaluation.modes)
    modes = list(options.queries) or loaded[0].evaluation.modes
    for each in loaded[1:]:
        missing = [mode for mode in options.queries if mode not in each.evaluation.modes]
        if missing:
            raise BenchmarkError(
                f"{each.run.url} has no scores of {each.name} in the query mode {missing[0]}: make them with osrmac "
                f"evaluate {each.run.url}"
            )
        modes = [mode for mode in modes if mode in each.evaluation.modes]
    if not modes:
        raise BenchmarkError(f"the runs were scored in different query modes of {loaded[0].name}: score them in one")
    return modes


def _chosen(what: str, name: str | None, known: Sequence[str]) -> str:
    """Return the name, if it is known, or else the first known one."""
    if name is not None and name not in known:
        raise ConfigError(f"there are no scores with the {what} '{name}': choose from {', '.join(known)}")
    return known[0] if name is None else name


def _compare(loaded: Sequence[StoredScores], mode: str, measure: str, options: CompareConfig) -> Comparison:
    known = list(dict.fromkeys(score.method for each in loaded for score in each.evaluation.scores))
    for method in options.methods:
        _chosen("method", method, known)
    compared = list(contenders(loaded, mode, measure, options.methods))
    if len(compared) < 2:
        raise ConfigError("there is only one score to compare: name another run or further --methods")
    return compare_scores(
        loaded[0].name,
        mode,
        measure,
        compared,
        common_conditions(loaded),
        baseline=options.baseline,
        resamples=options.resamples,
        seed=options.seed,
    )
