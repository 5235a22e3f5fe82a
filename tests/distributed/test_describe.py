import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.data import DataContext

from osrmac.config import ComputeConfig, DescriptorConfig, FailureConfig
from osrmac.descriptor.describer import Describer, Description
from osrmac.descriptor.recipes import RECIPES, Recipe
from osrmac.distributed import describe
from osrmac.distributed.worker import DescribeJob
from osrmac.distributed.worker_pool import WorkerPool
from osrmac.errors import DamagedFileError
from osrmac.runs.identity import identify
from osrmac.storage import manifest, shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan

ON_CPU = WorkerPool(1, 1, "cpu", 1, 0.75, 0.0)
ON_GPU = WorkerPool(1, 1, "cuda", 1, 0.75, 1.0)
ON_TWO_GPUS = WorkerPool(2, 2, "cuda", 1, 0.75, 1.0)


@pytest.mark.parametrize(
    ("number", "images_per_shard", "pool", "shards_per_batch"),
    [
        (1000, 1, ON_CPU, 16),
        (1000, 100, ON_CPU, 1),
        (1000, 1, ON_GPU, 1000),
        (1000, 100, ON_GPU, 40),
        (96_000, 10_000, ON_GPU, 4),
        (1000, 1, ON_TWO_GPUS, 63),
        (16, 10_000, ON_TWO_GPUS, 1),
    ],
)
def test_a_batch_has_enough_images_to_prefetch_and_leaves_eight_batches_for_each_of_several_workers(
    number: int, images_per_shard: int, pool: WorkerPool, shards_per_batch: int
) -> None:
    plans = [ShardPlan("part", 0, "shard", images_per_shard, 0)] * number
    assert describe._shards_per_batch(plans, pool) == shards_per_batch


def test_ray_data_is_configured_for_this_dataset_only(small: DescriptorConfig) -> None:
    host = DataContext.get_current()
    before = host.copy()
    plans = [ShardPlan("part", 0, f"shard{number}", 1, 0) for number in range(3)]
    folder = Location.of("folder")
    job = DescribeJob(folder, folder, identify(small)[0], None, {}, ON_CPU, ComputeConfig(), FailureConfig())
    context = describe._describe_batches(plans, job, None).context
    assert context.raise_original_map_exception
    assert not context.enable_progress_bars
    assert not context.print_on_execution_start
    assert context.execution_no_progress_timeout_s == -1
    for option in ("raise_original_map_exception", "enable_progress_bars", "execution_no_progress_timeout_s"):
        assert getattr(host, option) == getattr(before, option)


@pytest.mark.integration
def test_an_error_of_a_worker_is_raised_as_itself_in_a_ray_that_the_host_program_started(
    photos: Path, tmp_path: Path, small: DescriptorConfig, one_worker: ComputeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DataContext.get_current(), "raise_original_map_exception", False)
    planned = Location.of(tmp_path / "manifest")
    manifest.update(planned, planned / "shards", listing(Location.of(photos)), lambda *_: 1)
    (part,) = shards.paths(planned)
    damaged = Path(part)
    content = damaged.read_bytes()
    damaged.write_bytes(content[:4] + bytes(200) + content[204:])  # the driver reads the footer only
    identity, weights = identify(small)
    level = logging.getLogger("ray.data").level
    with pytest.raises(DamagedFileError, match=r"manifest/part-00000.parquet is damaged") as caught:
        describe.describe(planned, Location.of(tmp_path / "descriptors"), identity, weights, one_worker)
    assert type(caught.value) is DamagedFileError
    assert "\n" not in str(caught.value)
    assert logging.getLogger("ray.data").level == level
    # The exception, which `caught` keeps, must not keep the worker.
    while ray.available_resources()["CPU"] < ray.cluster_resources()["CPU"]:  # type: ignore[no-untyped-call]
        time.sleep(0.1)


@pytest.mark.integration
def test_a_recipe_that_only_the_driver_has_registered_is_described(
    photos: Path, tmp_path: Path, small: DescriptorConfig, one_worker: ComputeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "spoc", Recipe(lambda features: features.middle[0].mean(dim=(-2, -1))))
    planned, folder = Location.of(tmp_path / "manifest"), Location.of(tmp_path / "descriptors")
    manifest.update(planned, planned / "shards", listing(Location.of(photos / "odd")), lambda *_: 1)
    identity, weights = identify(replace(small, recipes=("spoc",)))
    assert describe.describe(planned, folder, identity, weights, one_worker).rows == 10
    vectors = shards.read_vectors(shards.paths(folder), "spoc")
    (expected,) = Describer.load(identity.descriptor)([(photos / "odd" / "01.png").read_bytes()])
    assert isinstance(expected, Description)
    np.testing.assert_allclose(vectors.values[0], expected.vectors["spoc"], atol=1e-5)
