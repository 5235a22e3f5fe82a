from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from osrmac.commands.evaluate import evaluate
from osrmac.commands.fit_weights import fit_weights
from osrmac.config import BenchmarkConfig, EvaluationConfig, LayerWeightsConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.evaluation.metrics import average_precision
from osrmac.evaluation.ties import Tie
from osrmac.runs.reductions.stored import load_reductions
from osrmac.storage import shards
from osrmac.storage.run import Run

GROUPS = (("half08.png", "even/08.png"), ("even/00.png", "even/02.png", "odd/05.png"), ("odd/07.png", "odd/09.png"))
"""Groups of unrelated pictures, whose ranking depends on the weights."""

GRID = (0.0, 0.25, 0.5, 0.75, 1.0)


@pytest.fixture
def truth(tmp_path: Path) -> EvaluationConfig:
    lines = [f"{image},{number}\n" for number, group in enumerate(GROUPS) for image in group]
    (tmp_path / "groups.csv").write_text("id,group\n" + "".join(lines))
    return EvaluationConfig(benchmark="groups", ground_truth=str(tmp_path / "groups.csv"))


def slow_map(ids: list[str], vectors: NDArray[np.float32]) -> float:
    """Mean average precision of `GROUPS`, by Manhattan distance, in percent."""
    precisions = []
    for group in GROUPS:
        for query in group:
            apart = np.abs(vectors - vectors[ids.index(query)]).sum(axis=1)
            others = {image: distance for image, distance in zip(ids, apart.tolist(), strict=True) if image != query}
            all_distances = sorted(others.values())
            found = Counter(others[image] for image in group if image != query)
            ties = [Tie(all_distances.index(at), all_distances.count(at), number) for at, number in found.items()]
            precisions.append(average_precision(ties, len(group) - 1))
    return 100 * float(np.mean(precisions))


def weighted_distances(run: Run) -> dict[tuple[float, ...], float]:
    """The score of every pair of weights, from the scaled descriptors themselves."""
    whole = shards.read_vectors(shards.paths(run.descriptors), "osrmac")
    pairs = [pair for pair in product(GRID, repeat=2) if any(pair)]
    return {pair: slow_map(whole.ids, whole.values * np.repeat(pair, (512, 256))) for pair in pairs}


def test_given_weights_make_one_more_method(run: Run, truth: EvaluationConfig) -> None:
    fitted = fit_weights(run.url, options=LayerWeightsConfig(recipe="osrmac", layer_weights=(1, 0.5)))
    assert (fitted.name, fitted.weights, fitted.parts, fitted.samples) == ("osrmac-weights", (1, 0.5), (512, 256), 0)
    assert load_reductions(run) == [fitted]
    whole = shards.read_vectors(shards.paths(run.descriptors), "osrmac")
    rows = [row for shard in shards.paths(run.reduced(fitted.name)) for row in shards.read(shard).to_pylist()]
    reduced = {row["id"]: row["vector"] for row in rows}
    scaled = whole.values * np.repeat([1, 0.5], (512, 256)).astype(np.float32)
    np.testing.assert_array_equal(np.array([reduced[image] for image in whole.ids], np.float32), scaled)

    evaluation = evaluate(run.url, truth)
    score = next(score for score in evaluation.scores if score.method == "osrmac-weights")
    assert (score.label, score.dimension) == ("osrmac + layer weights", 768)
    assert score.values["mAP"] == pytest.approx(slow_map(whole.ids, scaled))
    assert evaluation.conditions["selections fitted on"] == "nothing: given by hand"


def test_no_single_change_improves_fitted_weights(run: Run, photos: Path, truth: EvaluationConfig) -> None:
    fitted = fit_weights(run.url, truth, LayerWeightsConfig(recipe="osrmac", grid=GRID))
    scores = weighted_distances(run)
    first, second = fitted.weights
    changed = [(weight, second) for weight in GRID] + [(first, weight) for weight in GRID]
    best = max(scores[pair] for pair in changed if any(pair))
    assert scores[first, second] == pytest.approx(best)
    assert best > scores[1, 1]
    assert (fitted.samples, fitted.fitted_on) == (26, f"groups in {photos} (26 images, all queries, l1)")
    assert fit_weights(run.url, truth, LayerWeightsConfig(recipe="osrmac", grid=GRID)) == fitted
    measured = {score.method: score.values["mAP"] for score in evaluate(run.url, truth).scores}
    assert measured["osrmac-weights"] == pytest.approx(best)


def test_weights_fitted_on_another_run_are_applied_to_this_one(run: Run, other: Run, truth: EvaluationConfig) -> None:
    options = LayerWeightsConfig(recipe="osrmac", grid=GRID, fit_on=other.url)
    ids = shards.read_vectors(shards.paths(other.descriptors), "osrmac").ids
    lines = [f"{image},{number // 2}\n" for number, image in enumerate(ids)]
    Path(str(truth.ground_truth)).write_text("id,group\n" + "".join(lines[: len(lines) // 2 * 2]))
    fitted = fit_weights(run.url, truth, options)
    assert fitted.fitted_on.startswith(f"groups in other photos ({len(ids)} images,")
    assert fitted.weights == fit_weights(other.url, truth, LayerWeightsConfig(recipe="osrmac", grid=GRID)).weights
    assert len(shards.paths(run.reduced(fitted.name))) == len(shards.paths(run.descriptors))


def test_a_fit_that_cannot_work_is_refused_in_one_line(run: Run, tmp_path: Path, truth: EvaluationConfig) -> None:
    nothing = BenchmarkConfig()
    for benchmark, options, message in (
        (nothing, LayerWeightsConfig(layer_weights=(1, 1)), "the run has osrmac, osrmac_local"),
        (nothing, LayerWeightsConfig(recipe="early", layer_weights=(1,)), "name a recipe of several layers"),
        (nothing, LayerWeightsConfig(recipe="osrmac", layer_weights=(1, 1, 1)), "osrmac has 2 layers"),
        (truth, LayerWeightsConfig(recipe="osrmac", layer_weights=(1, 1)), "nothing to fit"),
        (nothing, LayerWeightsConfig(recipe="osrmac"), "give --layer-weights, or a --benchmark"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            fit_weights(run.url, benchmark, options)
        assert "\n" not in str(caught.value)
    with pytest.raises(StorageError, match="no run at"):
        fit_weights(str(tmp_path / "nowhere"), truth)
