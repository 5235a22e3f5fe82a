"""The reduced vectors that an index is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

from osrmac.errors import StorageError
from osrmac.reduction.base import Reduction
from osrmac.runs.index.quantizer import indexed_vectors
from osrmac.runs.index.stored import IndexedShard
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.runs.shard_reader import list_shards, map_shards
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["IndexSource", "ReducedShard"]


@dataclass(frozen=True)
class ReducedShard:
    """A shard of reduced vectors.

    Attributes:
        shard: Its name.
        generation: Its generation.
        rows: Number of images in it.
    """

    shard: str
    generation: int
    rows: int


@dataclass(frozen=True)
class IndexSource:
    """The reduced vectors of a run, as an index has them.

    Attributes:
        folder: Folder of the reduced shards.
        dimension: Length of the vectors.
        reduction: Digest of the reduction.
        space: Space of the index: see `osrmac.runs.index.stored.StoredIndex`.
        shards: The shards, sorted by name.
    """

    folder: Location
    dimension: int
    reduction: str
    space: Literal["l2", "cosine"]
    shards: tuple[ReducedShard, ...]

    @classmethod
    def of(cls, run: Run, reduction: Reduction, space: Literal["l2", "cosine"]) -> Self:
        """Return the reduced vectors of a run; shards that another command has just replaced are left out.

        Raises:
            StorageError: The run has no descriptors.
        """
        folder = run.reduced(reduction.name)
        copies = [folder / shard.name for shard in list_shards(run)]
        found = map_shards(partial(_reduced_shard, digest(reduction)), copies)
        present = tuple(shard for shard in found if shard is not None)
        return cls(folder, reduction.dimension, digest(reduction), space, present)

    @property
    def images(self) -> int:
        """Number of images in all shards."""
        return sum(shard.rows for shard in self.shards)

    def read(self, shard: ReducedShard | IndexedShard) -> Matrix:
        """Read the vectors of a shard, float32, (n, d), in order of its rows.

        Raises:
            StorageError: Another command has replaced the shard.
        """
        file = self.folder / shard.shard
        table = shards.read(file)
        metadata = shards.metadata_of(table)
        if (metadata["osrmac.selection"], shards.generation_of(metadata)) != (self.reduction, shard.generation):
            raise StorageError(f"{file} was replaced while it was indexed: run the same command again")
        return indexed_vectors(shards.matrix(table["vector"].combine_chunks()), self.space)


def _reduced_shard(reduction: str, file: Location) -> ReducedShard | None:
    try:
        footer = shards.footer(file)
    except FileNotFoundError:
        return None
    metadata = shards.metadata_in(footer)
    if metadata["osrmac.selection"] != reduction:
        return None
    return ReducedShard(file.name, shards.generation_of(metadata), footer.num_rows)
