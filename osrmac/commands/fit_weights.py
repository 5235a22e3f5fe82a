"""One weight a layer (Li et al. 2017): given, or fitted on a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from statistics import fmean

from osrmac.commands.evaluate import coverage, prepare
from osrmac.config import ComputeConfig, EvaluationConfig, LayerWeightsConfig
from osrmac.distributed.reduce import write_reduced
from osrmac.errors import ConfigError
from osrmac.evaluation.benchmark import Benchmark
from osrmac.reduction.base import LayerWeighting
from osrmac.reduction.coordinate_ascent import coordinate_ascent
from osrmac.retrieval.weighted_distances import weighted_distances
from osrmac.runs.recipes import training_run
from osrmac.runs.reductions import write
from osrmac.runs.scan import Scan
from osrmac.runs.scoring import query_results, query_vectors
from osrmac.runs.shard_reader import Block
from osrmac.storage import shards
from osrmac.storage.run import Identity, Run

__all__ = ["weigh"]

Weights = tuple[float, ...]


def weigh(
    run: str,
    evaluation: EvaluationConfig = EvaluationConfig(),
    options: LayerWeightsConfig = LayerWeightsConfig(),
    compute: ComputeConfig = ComputeConfig(),
) -> LayerWeighting:
    """Weigh the layers of a descriptor, and write the descriptors weighed.

    Args:
        run: A run with descriptors.
        evaluation: What the weights are fitted on: its main measure, the mean of its query modes.
        options: Which descriptor, and its weights if they are not to be fitted.
        compute: How the work is spread.

    Raises:
        OsrmacError: No run, no recipe of several layers, or a benchmark that does not fit.
    """
    place = Run(run)
    identity = place.identity()
    recipe = _recipe(identity, options.recipe)
    parts = identity.parts[recipe]
    if options.layer_weights:
        weights, fitted_on, samples = _given(recipe, parts, evaluation, options), "nothing: given by hand", 0
    else:
        training = training_run(place, options.fit_on)
        weights, fitted_on, samples = _fitted(training, recipe, parts, evaluation, options, compute)
    found = LayerWeighting(
        name=f"{recipe}-weights",
        method="weights",
        recipe=recipe,
        features_in=sum(parts),
        seed=0,
        samples=samples,
        fitted_on=fitted_on,
        fingerprint=identity.fingerprint,
        weights=weights,
        parts=parts,
    )
    write(place, found)
    write_reduced(place, found, compute)
    return found


def _recipe(identity: Identity, asked: str | None) -> str:
    """The recipe to weigh: the one asked for, or the only one of several layers."""
    layered = [recipe for recipe, parts in identity.parts.items() if len(parts) > 1]
    if asked is None and len(layered) == 1:
        return layered[0]
    if asked is None or asked not in layered:
        there = ", ".join(layered) or "none"
        raise ConfigError(f"name a recipe of several layers with --recipe; the run has {there}")
    return asked


def _given(recipe: str, parts: tuple[int, ...], evaluation: EvaluationConfig, options: LayerWeightsConfig) -> Weights:
    if evaluation.benchmark is not None or options.fit_on is not None:
        raise ConfigError("--layer-weights leave nothing to fit: drop --benchmark and --fit-on")
    if len(options.layer_weights) != len(parts):
        raise ConfigError(f"{recipe} has {len(parts)} layers: give as many --layer-weights")
    return options.layer_weights


def _fitted(
    training: Run,
    recipe: str,
    parts: tuple[int, ...],
    evaluation: EvaluationConfig,
    options: LayerWeightsConfig,
    compute: ComputeConfig,
) -> tuple[Weights, str, int]:
    """The weights, what they were fitted on, and the number of descriptors there."""
    if evaluation.benchmark is None:
        raise ConfigError("give --layer-weights, or a --benchmark to fit them on")
    if evaluation.query_expansion or evaluation.database_augmentation:
        raise ConfigError("layer weights are fitted without --query-expansion and --database-augmentation")
    benchmark, crops, ids = prepare(training, evaluation, compute)
    score = _objective(training, benchmark, crops, ids, recipe, parts, evaluation)
    weights, _ = coordinate_ascent(score, len(parts), options.grid)
    ranked = f"{coverage(benchmark, ids)}, {' and '.join(benchmark.modes)} queries, {evaluation.distance}"
    return weights, f"{benchmark.name} in {training.record()['images']} ({ranked})", len(ids)


def _objective(
    run: Run,
    benchmark: Benchmark,
    crops: str,
    ids: Mapping[str, str],
    recipe: str,
    parts: tuple[int, ...],
    evaluation: EvaluationConfig,
) -> Callable[[Weights], float]:
    """The mean over the query modes of the main measure, given weights."""
    images, cropped = (_comparison(folder, recipe, evaluation) for folder in (run.descriptors, crops))
    database = next(iter(images.blocks()))
    distances = {}
    for mode, queries in benchmark.modes.items():
        (asked,) = query_vectors(queries, ids, images, cropped, crops)
        distances[mode] = weighted_distances(asked, database.vectors[0], parts, evaluation.distance)

    def in_mode(mode: str, weights: Weights) -> float:
        compared = [("", database.ids, distances[mode](weights))]
        found = query_results(benchmark, benchmark.modes[mode], lambda: compared, ids)
        return fmean(result.values[benchmark.measures[0]] for result in found)

    return lambda weights: fmean(in_mode(mode, weights) for mode in benchmark.modes)


def _comparison(folder: str, recipe: str, evaluation: EvaluationConfig) -> Scan:
    """All vectors of a folder, read when they are first needed."""

    @cache
    def read() -> list[Block]:
        found = shards.read_vectors(shards.paths(folder), recipe)
        return [Block(folder, found.ids, (found.values,))]

    return Scan(read, evaluation.distance)
