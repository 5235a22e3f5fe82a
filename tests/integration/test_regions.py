"""R-MAC with PCA-whitening of each region, from the stored vectors of the regions."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from osrmac.commands.evaluate import evaluate
from osrmac.commands.fit import fit
from osrmac.commands.sweep import sweep
from osrmac.config import ComputeConfig, EvaluationConfig, ReductionConfig, ScoreSheetConfig, SweepConfig
from osrmac.errors import ConfigError
from osrmac.storage import shards
from osrmac.storage.run import Run

pytestmark = pytest.mark.integration

CONFIG = ReductionConfig(recipe="rmac_regions", whitening=(4,))


def regions(run: Run) -> dict[str, NDArray[np.float32]]:
    """The regions of each described image, read row by row."""
    rows = [row for shard in shards.paths(run.descriptors) for row in shards.read(shard).to_pylist()]
    return {row["id"]: np.array(row["rmac_regions"], np.float32) for row in rows if row["status"] == "ok"}


def unit(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def by_formula(fitted: PCA, regions: NDArray[np.float32]) -> NDArray[np.floating]:
    return unit(np.sum([unit(fitted.transform(region[None])[0]) for region in regions.astype(np.float64)], axis=0))


def assert_same_but_for_signs(found: NDArray[np.float32], expected: NDArray[np.floating]) -> None:
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-4)


def test_extraction_writes_the_regions_that_rmac_sums(regional: Run) -> None:
    whole = shards.read_vectors(shards.paths(regional.descriptors), "rmac")
    found = regions(regional)
    assert sorted(found) == whole.ids
    assert len({len(of_image) for of_image in found.values()}) > 1
    for image, vector in zip(whole.ids, whole.values, strict=True):
        np.testing.assert_allclose(unit(found[image].sum(axis=0)), vector, atol=1e-5)
    failed = [row for shard in shards.paths(regional.descriptors) for row in shards.read(shard).to_pylist()]
    assert [row["rmac_regions"] for row in failed if row["status"] == "failed"] == [None] * 3


def test_whitening_is_fitted_on_all_regions_and_gives_one_vector_an_image(with_regions: Run) -> None:
    (whitening,) = fit(with_regions.url, CONFIG)
    assert (whitening.name, whitening.samples, whitening.dimension) == ("rmac_regions-whitening-4", 26, 4)
    reduced = [
        row for shard in shards.paths(with_regions.reduced(whitening.name)) for row in shards.read(shard).to_pylist()
    ]
    found = {row["id"]: row["vector"] for row in reduced}
    images = regions(with_regions)
    reference = PCA(4, whiten=True, svd_solver="full").fit(
        np.concatenate([images[image] for image in sorted(images)]).astype(np.float64)
    )
    assert_same_but_for_signs(
        np.array([found[image] for image in sorted(images)], np.float32),
        np.stack([by_formula(reference, images[image]) for image in sorted(images)]),
    )


def test_samples_are_images_with_all_their_regions(with_regions: Run) -> None:
    (whitening,) = fit(with_regions.url, replace(CONFIG, samples=8, seed=3))
    images = regions(with_regions)
    drawn = np.sort(np.random.default_rng(3).choice(26, 8, replace=False))
    training = np.concatenate([images[sorted(images)[row]] for row in drawn]).astype(np.float64)
    assert whitening.samples == 8
    found = whitening.apply(training.astype(np.float32))
    assert_same_but_for_signs(found, unit(PCA(4, whiten=True, svd_solver="full").fit_transform(training)))


def test_whitened_regions_are_scored_for_whole_and_cropped_queries(
    with_regions: Run, oxford: str, photos: Path, one_worker: ComputeConfig
) -> None:
    truth = EvaluationConfig(benchmark="oxford5k", ground_truth=oxford)
    assert {score.method for score in evaluate(with_regions.url, truth, one_worker).scores} == {
        "rmac",
        "rmac_regions+match",
    }
    fit(with_regions.url, CONFIG)
    found = evaluate(with_regions.url, truth, one_worker)
    per_region = [score for score in found.scores if score.method == "rmac_regions-whitening-4"]
    assert {(score.label, score.dimension) for score in per_region} == {("rmac + whitening per region", 4)}
    # The crop equals the picture half08, so their regions are equal.
    assert {score.mode: score.values["mAP"] for score in per_region}["cropped"] == 100.0
    assert {score.mode for score in per_region} == {"cropped", "whole"}
    assert [score.method for score in found.scores if score.mode == "whole"] == [
        *("rmac", "rmac_regions-whitening-4", "rmac_regions+match", "rmac_regions-whitening-4+match"),
    ]
    assert found.conditions["selections fitted on"] == str(photos)


def test_the_scores_of_region_match_are_written(with_regions: Run, oxford: str, tmp_path: Path) -> None:
    truth = EvaluationConfig(benchmark="oxford5k", ground_truth=oxford, queries=("whole",))
    sheet = ScoreSheetConfig(scores=str(tmp_path / "scores.json"), scores_method="rmac_regions+match")
    found = evaluate(with_regions.url, truth, scores_file=sheet)
    written = json.loads((tmp_path / "scores.json").read_text())
    (match,) = [score for score in found.scores if score.method == "rmac_regions+match"]
    assert written.keys() == {result.query for result in match.results}


def test_commands_that_need_one_vector_per_image_refuse_or_skip_regions(with_regions: Run, oxford: str) -> None:
    assert {found.recipe for found in fit(with_regions.url, ReductionConfig(features=(8,), baselines=False))} == {
        "rmac"
    }
    for config in (replace(CONFIG, features=(8,)), ReductionConfig(recipe="rmac_regions")):
        with pytest.raises(ConfigError, match="give --whitening or --projection, and no --features"):
            fit(with_regions.url, config)
    truth = EvaluationConfig(benchmark="oxford5k", ground_truth=oxford, queries=("whole",))
    with pytest.raises(ConfigError, match="a sweep reduces one vector per image"):
        sweep(with_regions.url, truth, SweepConfig(recipe="rmac_regions"))
