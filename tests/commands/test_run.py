import shutil
from pathlib import Path

import numpy as np
import pytest

from osrmac.commands.run import run
from osrmac.config import ComputeConfig, DescriptorConfig, EvaluationConfig, ReductionConfig
from osrmac.errors import BenchmarkError, ConfigError
from osrmac.reduction.base import Selection
from osrmac.runs.reductions.stored import write_reduction
from osrmac.storage import shards
from osrmac.storage.run import Run

REDUCTION = ReductionConfig(select=("pfa",), features=(32,), retained_variance=0.8)


@pytest.fixture
def copies(tmp_path: Path) -> EvaluationConfig:
    """Ground truth in which a picture and its copy form a group."""
    (tmp_path / "groups.csv").write_text("id,group\neven/00.png,0\ncopy0.png,0\n")
    return EvaluationConfig(benchmark="groups", ground_truth=str(tmp_path / "groups.csv"))


@pytest.fixture
def run_of_one(finished: Run, tmp_path: Path) -> Run:
    """A run that lacks most images, with a reduction of seed 1."""
    place = Run(str(shutil.copytree(finished.url, tmp_path / "run")))
    for shard in shards.paths(place.descriptors)[1:]:
        shard.remove()
    fitted = Selection(
        name="osrmac-pfa-32",
        method="pfa",
        recipe="osrmac",
        features_in=768,
        seed=1,
        samples=26,
        fitted_on="/photos",
        fingerprint=place.identity().fingerprint,
        indices=tuple(range(32)),
    )
    write_reduction(place, fitted)
    return place


@pytest.mark.integration
def test_all_steps_run_and_two_threads_change_only_rounding(
    finished: Run, photos: Path, copies: EvaluationConfig, tmp_path: Path, small: DescriptorConfig
) -> None:
    threads = ComputeConfig(workers=1, threads=2)
    new = Run(str(tmp_path / "run"))
    result = run(str(photos), new.url, small, threads, reduction=REDUCTION, evaluation=copies)
    assert result.extraction.new == 29
    assert result.evaluation is not None
    assert {score.values["mAP"] for score in result.evaluation.scores if score.method == "osrmac-pfa-32"} == {100.0}
    assert result.reductions[0].name == "osrmac-pfa-32"
    assert Path(result.report).exists()
    assert set(new.record()["stages"]) == {"extract", "fit", "evaluate"}
    two_threads, one_thread = (shards.read_vectors(shards.paths(of.descriptors), "osrmac") for of in (new, finished))
    assert two_threads.ids == one_thread.ids
    np.testing.assert_allclose(two_threads.values, one_thread.values, atol=1e-5)


def test_options_of_later_steps_are_checked_before_images_are_described(
    photos: Path, copies: EvaluationConfig, tmp_path: Path, small: DescriptorConfig
) -> None:
    url = str(tmp_path / "run")
    with pytest.raises(ConfigError, match="osrmac has only 768 features"):
        run(str(photos), url, small, reduction=ReductionConfig(features=(1000,)), evaluation=copies)
    with pytest.raises(BenchmarkError, match="no query mode 'cropped'"):
        run(str(photos), url, small, evaluation=EvaluationConfig(benchmark="ukbench", queries=("cropped",)))
    assert not (tmp_path / "run").exists()


def test_a_reduction_that_was_fitted_otherwise_is_refused_before_images_are_described(
    run_of_one: Run, photos: Path, small: DescriptorConfig
) -> None:
    with pytest.raises(ConfigError, match="osrmac-pfa-32 was fitted with --seed 1, not 0: add --refit to replace it"):
        run(str(photos), run_of_one.url, small, reduction=REDUCTION)
    assert len(shards.paths(run_of_one.descriptors)) == 1
