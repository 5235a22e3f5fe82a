"""Estimate what an extraction takes and costs, by describing a sample of the collection."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from osrmac.commands.checks import check_descriptor, check_writable
from osrmac.config import ComputeConfig, DescriptorConfig, EstimateConfig, FailureConfig, FetchConfig, ListingConfig
from osrmac.config.estimation import ASSUMED_GPU_RATE, ASSUMED_GPU_TFLOPS
from osrmac.errors import ConfigError, FailureRateError
from osrmac.estimation.costs import Volume, costs, in_object_stores, requests, volume
from osrmac.estimation.result import Estimate, GpuTime, MachineTime, SampleFacts
from osrmac.estimation.sampling import Sample, draw
from osrmac.estimation.scratch import scratch_folder
from osrmac.estimation.timing import SampleTimes, Speed, sample_shards
from osrmac.progress import note, stage
from osrmac.runs.failures import Failures, summary
from osrmac.stopwatch import Stopwatch
from osrmac.storage import manifest, schema, shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.listing.skipped import Skipped
from osrmac.storage.listing.uri_list import is_list
from osrmac.storage.location import Location
from osrmac.storage.reading.access import CredentialFilter
from osrmac.storage.run import Run

if TYPE_CHECKING:
    from osrmac.descriptor.models.weights import Weights
    from osrmac.distributed.worker_pool import WorkerPool
    from osrmac.storage.run import Identity

__all__ = ["estimate"]

_SAMPLE, _PER_WORKER, _PER_GPU_WORKER = 50, 10, 1000
"""Images of the default sample: in all, for each worker, and for each worker beside a GPU, which needs some hundred
images to become busy."""


def estimate(
    images: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    reading: FetchConfig = FetchConfig(),
    collection: ListingConfig = ListingConfig(),
    options: EstimateConfig = EstimateConfig(),
) -> Estimate:
    """Describe a random sample of a collection, and estimate what the extraction of all of it takes and costs.

    The collection is listed once, as `extract` lists it, in bounded memory. The workers of `extract` describe the
    sample and commit its shards to a folder that is removed at the end.

    Args:
        images: Folder, bucket prefix, glob, or list of URIs: see `osrmac.storage.listing.collection.listing`.
        descriptor: Descriptors to compute.
        compute: Processes that describe, and the cluster that they run on.
        reading: Limits of the reading of images.
        collection: How the collection is listed.
        options: Size of the sample, GPUs and prices.

    Raises:
        FailureRateError: No image of the sample can be described.
        OsrmacError: No images, an unknown backbone, layer or recipe, no weights, or too small a cluster.
    """
    watch, source, skipped = Stopwatch(), Location.of(images), Skipped()
    scratch = _scratch(compute, options)
    check_descriptor(descriptor)
    with watch("start"), scratch_folder(scratch) as folder:
        run = Run(folder.url)
        check_writable(run.location)
        with watch("listing"), stage("listing"):
            listed = listing(source, None, skipped, None, collection.image_column)
        # Imported here, and Ray meanwhile started, so that the errors above are reported at once.
        from osrmac.distributed.cluster.startup import connect_while_importing

        connect_while_importing(images, run.url, compute, "osrmac.distributed.describe")
        from osrmac.distributed.cluster.connect import connect
        from osrmac.distributed.sharding import shard_count
        from osrmac.distributed.worker_pool import size_worker_pool
        from osrmac.runs.identity import identify

        with stage("loading weights"):
            identity, weights = identify(descriptor)
        connect(compute)  # to be sure: a glob is no folder, for which Ray is started above
        pool = size_worker_pool(compute)
        with watch("listing"), stage("listing") as progress:
            sample = draw(progress.counting(listed), options.sample or _default_size(pool), options.seed)
        if sample.rows.num_rows == sample.images:
            note(f"all {sample.images} images of the collection are described: it is no larger than the sample")
        times = _describe(run, sample, identity, weights, compute, reading, pool)
        rows = _read_rows(run)
    seconds = watch.take()
    number = shard_count(identity, weights, compute)(sample.images, sample.images)
    speed = Speed.of(replace(times, seconds=seconds["start"]), pool.max_workers)
    machine = _machine_time(speed, pool, seconds["listing"], sample.images, number)
    gpu = _gpu_time(options, _gflop(descriptor, weights, rows.shapes), machine, pool, sample.images)
    amounts = _volume(source, sample, number, rows.bytes)
    facts = SampleFacts(sample.rows.num_rows, rows.failures, rows.megapixels, sum(seconds.values()))
    cpu_hours = 0.0 if pool.gpus else machine.cpu_hours
    priced = costs(cpu_hours, gpu.gpu_hours, amounts, options)
    return Estimate(sample.images, skipped.counts, facts, machine, gpu, amounts, priced)


def _scratch(compute: ComputeConfig, options: EstimateConfig) -> str | None:
    """Return the folder that the user has named for the descriptors of the sample; a cluster needs one."""
    if options.scratch is None and compute.named is not None:
        raise ConfigError(
            f"the nodes of the cluster {compute.named} may not share a folder for temporary files: name a folder or "
            "bucket that all of them can write to with --scratch"
        )
    return options.scratch


def _default_size(pool: WorkerPool) -> int:
    return _PER_GPU_WORKER * pool.max_workers if pool.gpus else max(_SAMPLE, _PER_WORKER * pool.max_workers)


def _describe(
    run: Run,
    sample: Sample,
    identity: Identity,
    weights: Weights,
    compute: ComputeConfig,
    reading: FetchConfig,
    pool: WorkerPool,
) -> SampleTimes:
    """Describe a sample as `extract` does; the wall time is for the caller to measure."""
    from osrmac.distributed.describe import describe

    number = sample_shards(sample.rows.num_rows, pool.max_workers)
    credentials = CredentialFilter(run.manifest)
    manifest.update(run.manifest, run.descriptors, credentials([sample.rows]), lambda *_: number)
    limits = FailureConfig(**asdict(reading), max_failure_rate=1.0)
    done = describe(run.manifest, run.descriptors, identity, weights, compute, limits, credentials.access)
    busy = sum(spent for name, spent in done.seconds.items() if name not in {"start", "idle"})
    return SampleTimes(done.rows, number, done.workers, 0.0, busy, done.images)


@dataclass(frozen=True)
class _Rows:
    """What the shards of a sample hold.

    Attributes:
        shapes: Widths and heights of the described images, in pixels.
        failures: Groups of the failed images.
        bytes: Bytes for each image, described or failed, in a shard.
    """

    shapes: list[tuple[int, int]]
    failures: tuple[Failures, ...]
    bytes: float

    @property
    def megapixels(self) -> float:
        """Mean size of the described images."""
        return sum(width * height for width, height in self.shapes) / len(self.shapes) / 1e6


def _read_rows(run: Run) -> _Rows:
    described, failures = summary(run)
    if not described:
        raise FailureRateError(f"no image of the sample can be described: {failures[0]}")
    table = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.descriptors))
    whole = run.location / "sample"
    shards.write(whole, table, "all.parquet")  # the small shards of the sample have much overhead
    size = len((whole / "all.parquet").read_bytes())
    ok = table.filter(table["status"].to_numpy() == schema.OK)
    shapes = list(zip(ok["width"].to_pylist(), ok["height"].to_pylist(), strict=True))
    return _Rows(shapes, tuple(failures), size / table.num_rows)


def _machine_time(speed: Speed, pool: WorkerPool, listing_seconds: float, images: int, number: int) -> MachineTime:
    seconds = listing_seconds + speed.seconds(images, number)
    margin = speed.margin(images, number)
    cpus = pool.max_workers * pool.threads
    return MachineTime(
        device=pool.device,
        workers=pool.max_workers,
        cpus=cpus,
        listing_seconds=listing_seconds,
        start_seconds=speed.start,
        image_seconds=speed.image,
        hours=seconds / 3600,
        margin_hours=None if margin is None else margin / 3600,
        cpu_hours=cpus * seconds / 3600,
    )


def _gflop(descriptor: DescriptorConfig, weights: Weights, shapes: list[tuple[int, int]]) -> float:
    from osrmac.descriptor.models import backbones
    from osrmac.descriptor.models.flops import flops_per_image
    from osrmac.descriptor.recipes import need_embedding

    embedding = need_embedding(descriptor.recipes)
    backbone = backbones.build(descriptor.backbone, descriptor.layers, weights.state, embedding=embedding)
    return flops_per_image(backbone, descriptor.image_sizes, shapes) / 1e9


def _gpu_time(options: EstimateConfig, gflop: float, machine: MachineTime, pool: WorkerPool, images: int) -> GpuTime:
    source: Literal["measured", "given", "assumed"] = "given"
    if options.gpu_rate is not None:
        rate = options.gpu_rate
    elif options.gpu_tflops is not None:
        rate = options.gpu_tflops * 1000 / gflop
    elif pool.gpus:
        rate, source = 1 / (machine.image_seconds * pool.gpus), "measured"
    else:
        rate, source = min(ASSUMED_GPU_RATE, ASSUMED_GPU_TFLOPS * 1000 / gflop), "assumed"
    hours = images / rate / 3600
    return GpuTime(options.gpus, gflop, rate, source, hours, hours / options.gpus)


def _volume(source: Location, sample: Sample, number: int, row_bytes: float) -> Volume:
    stored = in_object_stores(sample.rows["uri"].to_pylist()) / sample.rows.num_rows
    pages = not is_list(source)
    asked = requests(round(stored * sample.images), number, listed=pages)
    return volume(sample.images, number, row_bytes, sample.total_bytes, asked)
