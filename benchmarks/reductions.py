"""Scores of the selections of features on labelled runs, by distance, number of features, and what they are fitted on.

Each row is one query mode, distance, number of features and collection to fit on. PFA is a mean over five seeds, the
random choice over twenty. Evaluate the run first, so that its cropped queries are described:

    python -m benchmarks.reductions RUN --benchmark oxford5k --ground-truth GT --fit-on OTHER-RUN ANOTHER-RUN
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean, stdev

from osrmac.commands.evaluate import prepare
from osrmac.config import ComputeConfig, Distance, EvaluationConfig, ReductionConfig
from osrmac.evaluation.results import Score
from osrmac.reduction.base import Selection
from osrmac.reduction.fitting import Origin, fit_reduction
from osrmac.reduction.moments import Moments
from osrmac.runs.methods import Method
from osrmac.runs.scoring import scores
from osrmac.storage import shards
from osrmac.storage.run import Run

_PFA_SEEDS, _RANDOM_SEEDS = 5, 20
_DISTANCES: tuple[Distance, ...] = ("l1", "cosine")
_COLUMNS = ("whole", "pfa", "leverage", "leverage, unit", "leverage, centred", "variance", "random")

_Cell = tuple[str, int, Distance, str]
"""What is fitted on, number of features, distance, query mode."""

_Values = dict[str, list[float]]
"""Scores of each column, one for each seed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--ground-truth")
    parser.add_argument("--recipe", default="osrmac")
    parser.add_argument("--features", type=int, nargs="+", help="numbers of features; by default a quarter, and 128")
    parser.add_argument("--fit-on", nargs="*", default=[], help="runs to fit on together, beside the run itself")
    arguments = parser.parse_args()
    rows = list(_rows(arguments))
    print(f"{'fitted on':10}{'kept':>6}{'distance':>10}{'queries':>9}", *(f"{name:>18}" for name in _COLUMNS))
    for (source, kept, distance, mode), values in rows:
        print(f"{source:10}{kept:6}{distance:>10}{mode:>9}", *(f"{_shown(values[name]):>18}" for name in _COLUMNS))
    for column in _COLUMNS:
        gains = [fmean(values[column]) - fmean(values["pfa"]) for _, values in rows]
        won, mean, worst = sum(gain > 0 for gain in gains), fmean(gains), min(gains)
        print(f"{column}: above PFA in {won} of {len(gains)} cells, by {mean:+.2f} on average, {worst:+.2f} at worst")


def _rows(arguments: argparse.Namespace) -> Iterator[tuple[_Cell, _Values]]:
    run, recipe = Run(arguments.run), arguments.recipe
    length = run.identity().dimensions[recipe]
    sources = {"itself": [run]} | ({"others": list(map(Run, arguments.fit_on))} if arguments.fit_on else {})
    for source, runs in sources.items():
        vectors = [shards.read_vectors(shards.paths(each.descriptors), recipe).values for each in runs]
        moments = Moments.of_parts(vectors)
        for kept in arguments.features or (length // 4, 128):
            methods = list(_methods(recipe, length, kept, moments))
            for distance in _DISTANCES:
                values: dict[str, _Values] = {}
                for score in _scores(run, arguments, distance, methods):
                    column = score.method.partition("/")[0]
                    of_mode = values.setdefault(score.mode, {name: [] for name in _COLUMNS})
                    of_mode[column].append(next(iter(score.values.values())))
                yield from (((source, kept, distance, mode), of_mode) for mode, of_mode in values.items())


def _methods(recipe: str, length: int, kept: int, moments: Moments) -> Iterator[Method]:
    """Yield a method for each column and seed, named COLUMN/SEED."""
    origin = Origin(recipe, length, moments.count, "", "")

    def fitted(method: str, seed: int = 0) -> Selection:
        reduction = fit_reduction(method, kept, moments, ReductionConfig(seed=seed), origin)
        assert isinstance(reduction, Selection)
        return reduction

    yield Method("whole/0", recipe, (recipe,))
    leverage = fitted("leverage")
    selections = {
        "pfa": [fitted("pfa", seed) for seed in range(_PFA_SEEDS)],
        "leverage": [replace(leverage, unit_length=None)],
        "leverage, unit": [leverage],
        "leverage, centred": [fitted("leverage-centred")],
        "variance": [fitted("variance")],
        "random": [fitted("random", seed) for seed in range(_RANDOM_SEEDS)],
    }
    for column, drawn in selections.items():
        yield from (Method(f"{column}/{seed}", column, (recipe,), by) for seed, by in enumerate(drawn))


def _scores(run: Run, arguments: argparse.Namespace, distance: Distance, methods: Sequence[Method]) -> Iterator[Score]:
    config = EvaluationConfig(
        benchmark=arguments.benchmark, ground_truth=arguments.ground_truth, distance=distance, subset=True
    )
    benchmark, crops, ids = prepare(run, config, ComputeConfig())
    return scores(run, benchmark, crops, ids, methods, config)


def _shown(values: Sequence[float]) -> str:
    return f"{fmean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
