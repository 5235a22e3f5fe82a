from dataclasses import replace
from unittest.mock import Mock

import pytest

from osrmac.config import ComputeConfig, DescriptorConfig
from osrmac.descriptor.models.weights import Weights
from osrmac.distributed import sharding
from osrmac.distributed.sharding import images_per_shard, shard_count
from osrmac.distributed.worker_pool import WorkerPool
from osrmac.storage.run import Identity

RESNET50, RESNET152, LITE0 = 162_912.0, 458_848.0, 15_302.0
"""Floating-point operations per pixel."""

ON_CPU = WorkerPool(2, 2, "cpu", 1, 0.75, 0.0)
ON_GPU = WorkerPool(1, 1, "cuda", 16, 12.0, 1.0)
DESCRIPTOR = DescriptorConfig()


@pytest.mark.parametrize(
    ("flops_per_pixel", "pool", "expected"),
    [
        (LITE0, ON_CPU, 42),
        (LITE0, replace(ON_CPU, threads=2), 64),
        (RESNET50, ON_CPU, 8),
        (RESNET50, replace(ON_CPU, threads=4), 16),
        (RESNET152, ON_CPU, 8),
        (RESNET152, ON_GPU, 64),
    ],
)
def test_a_shard_has_the_images_of_ten_seconds_from_8_to_64(
    flops_per_pixel: float, pool: WorkerPool, expected: int
) -> None:
    assert images_per_shard(DESCRIPTOR, flops_per_pixel, pool) == expected


def test_smaller_images_are_more_in_a_shard() -> None:
    assert images_per_shard(replace(DESCRIPTOR, image_sizes=(550,)), RESNET50, ON_CPU) == 27


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Stand-in for a cluster of two workers."""
    monkeypatch.setattr(sharding, "size_worker_pool", lambda _: ON_CPU)
    connected = Mock()
    monkeypatch.setattr(sharding, "connect", connected)
    return connected


IDENTITY = Identity(DESCRIPTOR, {}, "", {"osrmac": (2048, 1024)})


def test_the_cluster_is_asked_only_when_shards_are_planned(connect: Mock) -> None:
    count = shard_count(IDENTITY, Weights({}, "", flops_per_pixel=LITE0), ComputeConfig())
    connect.assert_not_called()
    assert count(297, 297) == 8
    connect.assert_called_once()


def test_the_number_of_images_in_a_shard_can_be_set(connect: Mock) -> None:
    count = shard_count(IDENTITY, Weights({}, ""), ComputeConfig(shard_rows=7))
    assert count(15, 1_000_000) == 3
    connect.assert_not_called()
