from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from osrmac.commands.estimate import _default_size, _gpu_time, estimate
from osrmac.config import ComputeConfig, DescriptorConfig, EstimateConfig, FetchConfig, ListingConfig
from osrmac.distributed.worker_pool import WorkerPool
from osrmac.errors import ConfigError, FailureRateError, NotFoundError
from osrmac.estimation.costs import Requests
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.estimates import ESTIMATE


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_a_sample_is_described_and_nothing_is_left(
    photos: Path, small: DescriptorConfig, one_worker: ComputeConfig, scratch: Path, finished: Run
) -> None:
    options = EstimateConfig(sample=20, scratch=str(scratch), cpu_price=1.0)
    found = estimate(str(photos), small, one_worker, options=options)
    assert list(scratch.iterdir()) == []
    assert (found.images, found.skipped, found.sample.images) == (29, {}, 20)
    assert 0 <= found.sample.failed <= 3
    assert (found.machine.device, found.machine.workers, found.machine.cpus) == ("cpu", 1, 1)
    assert found.machine.margin_hours is not None
    assert 0 < found.machine.margin_hours < found.machine.hours
    assert 3600 * found.machine.hours > found.machine.start_seconds + found.machine.listing_seconds
    assert found.costs == {"cpus": found.machine.cpu_hours}
    assert found.volume.bytes_read == sum(file.stat().st_size for file in photos.rglob("*") if file.is_file())
    assert found.volume.requests == Requests(0, 0)
    committed = pa.concat_tables(shards.read(shard) for shard in shards.paths(finished.descriptors))
    shards.write(Run(str(scratch)).location, committed, "all.parquet")
    assert found.volume.descriptor_bytes == pytest.approx((scratch / "all.parquet").stat().st_size, rel=0.1)


@pytest.mark.integration
def test_the_whole_of_a_small_collection_is_described(
    photos: Path, tmp_path: Path, small: DescriptorConfig, one_worker: ComputeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = [file.read_bytes() for file in sorted((photos / "odd").iterdir())]
    pq.write_table(pa.table({"photo": contents, "mask": contents}), tmp_path / "a.parquet")
    found = estimate(str(tmp_path), small, one_worker, collection=ListingConfig(image_column="photo"))
    assert (found.images, found.sample.images, found.sample.failed) == (10, 10, 0)
    widths = [90 + 7 * seed for seed in range(1, 20, 2)]
    assert found.sample.megapixels == pytest.approx(120 * np.mean(widths) / 1e6)
    assert found.machine.margin_hours == 0
    assert "all 10 images of the collection are described" in capsys.readouterr().err


@pytest.mark.integration
def test_limits_of_reading_are_those_of_extract(
    photos: Path, small: DescriptorConfig, one_worker: ComputeConfig
) -> None:
    with pytest.raises(FailureRateError, match="no image of the sample can be described: 10 failed at fetch"):
        estimate(str(photos / "odd"), small, one_worker, FetchConfig(max_bytes=10))


@pytest.mark.parametrize("missing", ["nowhere", "nowhere/*.jpg"])
def test_a_missing_collection_is_an_error(missing: str, tmp_path: Path, small: DescriptorConfig) -> None:
    with pytest.raises(NotFoundError):
        estimate(str(tmp_path / missing), small)


def test_a_cluster_needs_a_folder_that_its_nodes_share(photos: Path, small: DescriptorConfig) -> None:
    with pytest.raises(ConfigError, match=r"the cluster 10\.0\.0\.1:6379 may not share .* with --scratch"):
        estimate(str(photos), small, ComputeConfig(address="10.0.0.1:6379"))


def test_an_unwritable_scratch_folder_is_refused(photos: Path, small: DescriptorConfig) -> None:
    with pytest.raises(ConfigError, match="cannot write to"):
        estimate(str(photos), small, options=EstimateConfig(scratch=str(photos / "odd" / "01.png")))


CPUS, GPUS = WorkerPool(2, 2, "cpu", 1, 0.75, 0.0), WorkerPool(2, 2, "cuda", 8, 6.0, 0.5)
MACHINE = replace(ESTIMATE.machine, image_seconds=0.004)


@pytest.mark.parametrize(
    ("options", "pool", "gflop", "rate", "source"),
    [
        (EstimateConfig(), CPUS, 540.0, 200.0, "assumed"),  # 108 TFLOP/s
        (EstimateConfig(), CPUS, 6.0, 426.0, "assumed"),  # so small a network waits for decoded images
        (EstimateConfig(), GPUS, 540.0, 500.0, "measured"),  # two processes of 250 images/s share a GPU
        (EstimateConfig(gpu_tflops=54.0), GPUS, 540.0, 100.0, "given"),
        (EstimateConfig(gpu_rate=7.0), CPUS, 540.0, 7.0, "given"),
    ],
)
def test_the_speed_of_a_gpu_is_given_measured_or_assumed(
    options: EstimateConfig, pool: WorkerPool, gflop: float, rate: float, source: str
) -> None:
    found = _gpu_time(replace(options, gpus=4), gflop, MACHINE, pool, images=3_600_000)
    assert found.source == source
    measured = (found.images_per_second, found.gpu_hours, found.hours)
    assert measured == pytest.approx((rate, 1000 / rate, 250 / rate))


def test_the_default_sample_grows_with_the_processes() -> None:
    assert _default_size(CPUS) == 50
    assert _default_size(replace(CPUS, max_workers=64)) == 640
    assert _default_size(GPUS) == 2000
