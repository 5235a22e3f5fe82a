"""Requests, bytes and costs of an extraction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from osrmac.config import EstimateConfig
from osrmac.storage.reading.public_http import protocols

__all__ = ["Requests", "Volume", "costs", "in_object_stores", "requests", "volume"]

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss"})
"""Protocols of stores that charge for requests."""

_KEPT_BY_REDUCTION = 4
"""The default reductions keep one of so many numbers."""

_GETS_PER_IMAGE = 1
_GETS_PER_SHARD = 6
_PUTS_PER_SHARD = 2
"""GET and HEAD requests, and PUT and LIST requests, as counted by `python -m benchmarks.store`."""

_KEYS_PER_LISTING = 1000
_MILLION, _GIGABYTE = 1e6, 1e9


@dataclass(frozen=True)
class Requests:
    """Requests to an object store.

    Attributes:
        gets: Number of GET and HEAD requests.
        puts: Number of PUT and LIST requests.
    """

    gets: int
    puts: int


@dataclass(frozen=True)
class Volume:
    """What is read and written.

    Attributes:
        bytes_read: Size of all files of images; None if the listing tells no sizes.
        descriptor_bytes: Size of all shards of descriptors.
        reduced_bytes: Size of the shards of one default reduction, to a quarter.
        shards: Number of shards.
        requests: Requests, if the images and the run are in an object store.
    """

    bytes_read: int | None
    descriptor_bytes: int
    reduced_bytes: int
    shards: int
    requests: Requests


def in_object_stores(uris: Iterable[str]) -> int:
    """Return how many images are in an object store, whose requests are charged.

    >>> in_object_stores(["s3://archive/a.jpg", "/photos/b.jpg", "https://example.org/c.jpg"])
    1
    """
    return sum(not _OBJECT_STORES.isdisjoint(protocols(uri)) for uri in uris)


def requests(images: int, shards: int, *, listed: bool = True) -> Requests:
    """Return the requests of an extraction whose images and run are in an object store.

    >>> requests(1_000_000, 500)
    Requests(gets=1003000, puts=2000)

    Args:
        images: Number of images in object stores; without any, the run is not in one, either.
        shards: Number of shards.
        listed: Whether the images are listed by pages, not named in a list.
    """
    if not images:
        return Requests(0, 0)
    pages = -(-images // _KEYS_PER_LISTING) if listed else 0
    return Requests(images * _GETS_PER_IMAGE + shards * _GETS_PER_SHARD, shards * _PUTS_PER_SHARD + pages)


def volume(images: int, shards: int, row_bytes: float, bytes_read: int | None, made: Requests) -> Volume:
    """Return the volume of an extraction.

    Args:
        images: Number of images.
        shards: Number of shards.
        row_bytes: Bytes of an image in a shard.
        bytes_read: Size of all files of images, if known.
        made: Requests to object stores.
    """
    descriptors = images * row_bytes
    return Volume(bytes_read, round(descriptors), round(descriptors / _KEPT_BY_REDUCTION), shards, made)


def costs(cpu_hours: float, gpu_hours: float, volume: Volume, prices: EstimateConfig) -> dict[str, float]:
    """Return the cost of everything that a price is given for.

    Args:
        cpu_hours: Hours of all CPUs together, if CPUs do the work.
        gpu_hours: Hours of all GPUs together, if GPUs do it.
        volume: Requests, and bytes to store.
        prices: Prices.

    Returns:
        Costs by item: `cpus` or, instead, `gpus`; `requests`; and `storage` for a month, of the descriptors and one
        default reduction.
    """
    items: dict[str, float] = {}
    if prices.cpu_price is not None:
        items["cpus"] = cpu_hours * prices.cpu_price
    if prices.gpu_price is not None:
        items["gpus"] = gpu_hours * prices.gpu_price
    if prices.get_price is not None or prices.put_price is not None:
        gets, puts = volume.requests.gets / _MILLION, volume.requests.puts / _MILLION
        items["requests"] = gets * (prices.get_price or 0.0) + puts * (prices.put_price or 0.0)
    if prices.storage_price is not None:
        items["storage"] = (volume.descriptor_bytes + volume.reduced_bytes) / _GIGABYTE * prices.storage_price
    return items
