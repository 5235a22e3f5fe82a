"""Number of shards for new images: few files, but little work lost with a process that is killed."""

from __future__ import annotations

from osrmac.config import ComputeConfig, DescriptorConfig
from osrmac.descriptor.models.weights import Weights
from osrmac.distributed.cluster.connect import connect
from osrmac.distributed.worker_pool import WorkerPool, size_worker_pool
from osrmac.storage import shards
from osrmac.storage.manifest import ShardCount, shards_of
from osrmac.storage.run import Identity

__all__ = ["images_per_shard", "shard_count"]

_SECONDS = 10.0
"""Time that the images of a shard take a worker, within the limits below."""

_MIN_IMAGES, _MAX_IMAGES = 8, 64
"""Images per shard of a small run."""

_FLOPS_PER_CORE = 1e11
"""Floating-point operations that a CPU core executes per second; ResNet50 in fp32 reaches 1.1e11
(`python -m benchmarks.describe --threads 1`)."""

_ASPECT_RATIO = 3 / 4
"""Assumed shape of the images."""


def shard_count(identity: Identity, weights: Weights, compute: ComputeConfig) -> ShardCount:
    """Return the function that plans the shards of new images, for `osrmac.storage.manifest.update`.

    Each worker gets as many shards as any other. The function connects to the cluster to know the number of workers,
    so it must not be called unless there are new images.

    Args:
        identity: What the descriptors are.
        weights: Weights as `osrmac.runs.identity.identify` returns them.
        compute: The cluster, and the workers on it.
    """
    if compute.shard_rows is not None:
        return shards_of(compute.shard_rows)

    def count(new: int, images: int) -> int:
        connect(compute)
        pool = size_worker_pool(compute)
        rows = images_per_shard(identity.descriptor, weights.flops_per_pixel, pool)
        return shards.shard_count(new, images, identity.row_bytes, pool.max_workers, rows)

    return count


def images_per_shard(descriptor: DescriptorConfig, flops_per_pixel: float, pool: WorkerPool) -> int:
    """Return how many images a worker describes in some seconds, as far as arithmetic tells, from 8 to 64.

    A worker with a GPU describes 64 in less time.

    Args:
        descriptor: Image sizes.
        flops_per_pixel: Floating-point operations of the network per pixel of its input.
        pool: Threads and device of a worker.
    """
    if pool.gpus:
        return _MAX_IMAGES
    pixels = sum(_ASPECT_RATIO * size**2 for size in descriptor.image_sizes)
    flops_per_image = max(1.0, flops_per_pixel * pixels)
    images = _SECONDS * _FLOPS_PER_CORE * pool.threads / flops_per_image
    return max(_MIN_IMAGES, int(min(_MAX_IMAGES, images)))
