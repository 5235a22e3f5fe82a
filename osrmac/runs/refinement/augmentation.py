"""Database-side augmentation: every image of a collection is averaged with its nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from osrmac.runs.refinement.expansion import at_once, expanded
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import Block
from osrmac.storage.filesystem import storage_errors
from osrmac.types import Matrix

__all__ = ["augmented"]


@contextmanager
def augmented(images: Scan, neighbours: int, alpha: float, *, in_memory: bool) -> Iterator[Scan]:
    """Give a scan of the collection in which every image is averaged with its nearest neighbours.

    Every image is compared with all others, so time grows with the square of their number. The collection is read
    twice for each part whose neighbours have 250 MB of vectors: with 5 neighbours of 348 numbers, for 36 000 images.
    Images outside of the collection stay as they are.

    Args:
        images: Scan of the collection.
        neighbours: Number of neighbours of each image, of which the image itself is one; with 0 the scan is given back.
        alpha: Exponent of a neighbour's weight: see `osrmac.retrieval.expansion.average`.
        in_memory: Whether the averages, which are as large as the collection's vectors, are kept in memory. Otherwise
            they are written to the system's temporary folder, and deleted at the end.

    Raises:
        StorageError: The temporary folder is full, or cannot be written.
    """
    if not neighbours:
        yield images
        return
    blocks = _averaged(images, neighbours, alpha)
    if in_memory:
        yield replace(images, blocks=partial(list, list(blocks)))
        return
    with TemporaryDirectory(prefix="osrmac-") as folder:
        files = [_write(Path(folder) / str(number), block) for number, block in enumerate(blocks)]
        yield replace(images, blocks=partial(map, _read, files))


_File = tuple[list[str], Sequence[Path]]
"""The ids of a block on disk, and the file of each recipe's vectors."""


def _write(path: Path, block: Block) -> _File:
    files = [path.with_name(f"{path.name}-{recipe}.npy") for recipe in range(len(block.vectors))]
    for file, vectors in zip(files, block.vectors, strict=True):
        with storage_errors(str(file)):
            np.save(file, vectors)
    return block.ids, files


def _read(file: _File) -> Block:
    ids, files = file
    return Block(ids, tuple(np.load(path) for path in files))


def _averaged(images: Scan, neighbours: int, alpha: float) -> Iterator[Block]:
    """Yield the averaged images in larger blocks, as all others are read for each."""
    for block in _joined(images.blocks(), neighbours):
        vectors = expanded(images, block.vectors, neighbours, alpha)
        if not images.outside.isdisjoint(block.ids):
            outside = np.array([image in images.outside for image in block.ids])[:, None]
            pairs = zip(block.vectors, vectors, strict=True)
            vectors = [np.where(outside, before, after) for before, after in pairs]
        yield Block(block.ids, tuple(vectors))


def _joined(blocks: Iterable[Block], neighbours: int) -> Iterator[Block]:
    """Join blocks until there are as many images as have their neighbours looked up at once."""
    waiting: list[Block] = []
    for block in blocks:
        rows = at_once(neighbours, max(vectors.shape[1] for vectors in block.vectors))
        if waiting and sum(len(each.ids) for each in [*waiting, block]) > rows:
            yield _join(waiting)
            waiting = []
        waiting.append(block)
    if waiting:
        yield _join(waiting)


def _join(blocks: Sequence[Block]) -> Block:
    vectors: tuple[Matrix, ...] = tuple(
        np.concatenate(parts) for parts in zip(*(block.vectors for block in blocks), strict=True)
    )
    return Block([image for block in blocks for image in block.ids], vectors)
