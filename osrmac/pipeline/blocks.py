"""A run's images as a system compares them, shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from osrmac.ahead import ahead
from osrmac.config import Device, Distance
from osrmac.errors import ConfigError, StorageError
from osrmac.pipeline.shorten import read_shard
from osrmac.pipeline.systems import System, systems
from osrmac.retrieval import search
from osrmac.storage import shards
from osrmac.storage.run import Run

__all__ = ["Block", "apart", "blocks", "choose", "each", "listed", "rows", "torch_device"]

Matrix = NDArray[np.float32]
_Made = TypeVar("_Made")

_AHEAD = 4
"""Shards that are read ahead of where they are compared."""


@dataclass(frozen=True, eq=False)
class Block:
    """The described images of a shard.

    Attributes:
        shard: URL of the shard of descriptors.
        ids: n ids, sorted.
        vectors: For each recipe of the system (n, k).
    """

    shard: str
    ids: list[str]
    vectors: tuple[Matrix, ...]


def choose(run: Run, name: str | None, *, local: bool = True) -> System:
    """The system of this name, or the best that the run has.

    That is osrmac or else the first recipe, shortened by its longest Principal Feature Analysis if there is one, with
    local descriptors if there are any.

    Args:
        run: Holds the descriptors.
        name: As in an evaluation, or None.
        local: Whether a system may compare local descriptors too, so that an image has two vectors.

    Raises:
        ConfigError: The run has no such system.
    """
    known = [system for system in systems(run) if local or len(system.recipes) == 1]
    if name is not None:
        named = [system for system in known if system.name == name]
        if not named:
            raise ConfigError(f"no system {name} in {run.url}: choose from {', '.join(each.name for each in known)}")
        return named[0]
    if not known:
        raise ConfigError(f"{run.url} has nothing but regions: whiten and sum them with osrmac fit --whitening")
    recipes = [system.recipes[0] for system in known]
    recipe = "osrmac" if "osrmac" in recipes else recipes[0]
    return max((system for system in known if system.recipes[0] == recipe), key=_rank)


def _rank(system: System) -> tuple[bool, bool, int, int]:
    by = system.shortening
    return by is not None and by.method == "pfa", by is None, by.dimension if by else 0, len(system.recipes)


def listed(run: Run) -> list[str]:
    """URLs of the shards of a run's descriptors.

    Raises:
        StorageError: There is no run, or there are none.
    """
    run.record()
    found = shards.paths(run.descriptors)
    if not found:
        raise StorageError(f"{run.url} has no descriptors yet: make them with osrmac extract")
    return found


def blocks(run: Run, system: System, within: Sequence[str]) -> Iterator[Block]:
    """The described images of some shards, a few shards in memory at a time.

    Args:
        run: Holds the descriptors.
        system: What they are shortened by.
        within: URLs of the shards of descriptors.
    """
    yield from each(partial(_block, run, system), within)


def _block(run: Run, system: System, shard: str) -> Block:
    found = [read_shard(run, shard, recipe, system.shortening) for recipe in system.recipes]
    return Block(shard, found[0].ids, tuple(vectors.values for vectors in found))


def torch_device(chosen: Device) -> str:
    """Where vectors are compared.

    Raises:
        ConfigError: There is no such device.
    """
    if chosen == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda, but torch finds no GPU on this machine: use --device cpu")
    return "cuda" if chosen != "cpu" and torch.cuda.is_available() else "cpu"


def apart(one: Sequence[Matrix], other: Sequence[Matrix], distance: Distance, device: str) -> Matrix:
    """Distances by the recipe in which two images are nearest, from the vectors of each recipe, (m, k) and (n, k)."""
    found = [search.distances(left, right, distance, device) for left, right in zip(one, other, strict=True)]
    nearest: Matrix = np.minimum.reduce(found)
    return nearest


def rows(ids: Iterable[str], within: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the shards know of some images beside their vectors, and their own URL as `shard`, by id.

    Args:
        ids: Of the images; one that no shard has is left out.
        within: URLs of shards of descriptors.
    """
    wanted = pa.array(sorted(set(ids)), pa.string())
    found = each(partial(_rows, wanted), sorted(set(within)))
    return {row["id"]: row for some in found for row in some}


def _rows(wanted: pa.Array, shard: str) -> list[dict[str, Any]]:
    table = shards.read(shard, ["id", "uri", "status", "error_stage", "error", "width", "height"])
    found = table.filter(pc.is_in(table["id"], value_set=wanted)).to_pylist()
    return [row | {"shard": shard} for row in found]


def each(make: Callable[[str], _Made], given: Sequence[str]) -> Iterator[_Made]:
    """What a function makes of each shard, in their order; a few are read ahead."""
    return ahead(make, given, threads=_AHEAD, most=_AHEAD)
