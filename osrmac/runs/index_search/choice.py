"""Choose between the index of a run and a scan of all its images, and say which."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from osrmac.config import SearchConfig
from osrmac.prefetch import prefetch
from osrmac.progress import note, warn
from osrmac.runs.index.stored import StoredIndex, load_index
from osrmac.runs.index_search.images import IndexedImages
from osrmac.runs.index_search.opened import OpenIndex
from osrmac.runs.index_search.searcher import IndexSearcher
from osrmac.runs.methods import Method
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import read_blocks
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["describe", "index_searcher", "open_images"]

_MUCH = 0.1
"""Share of images that the index lacks above which a note says so."""

_FOOTERS = 32
"""Footers that are read at once."""


def open_images(run: Run, method: Method, within: Sequence[Location], options: SearchConfig) -> IndexedImages | None:
    """Open the index of a run if it fits a method and a distance; otherwise say why not, unless there is none.

    Args:
        run: Run with descriptors.
        method: Method that is compared.
        within: Shards of the run's descriptors.
        options: Distance, and whether an index may be used.

    Raises:
        DamagedFileError: A file of the index does not hold what was written.
    """
    reduction = method.reduction
    if options.exact or reduction is None or len(method.recipes) > 1 or method.best_region:
        return None
    index = _open(run, method, options)
    if index is None:
        return None
    footers = dict(zip(within, prefetch(shards.footer, within, threads=_FOOTERS, depth=_FOOTERS), strict=True))
    generations = {shard.name: shards.generation_of(shards.metadata_in(footer)) for shard, footer in footers.items()}
    covered = index.stored.current(generations)
    names = {shard.shard for shard in covered.values()}
    uncovered = [shard for shard in within if shard.name not in names]
    images = IndexedImages(
        run=run,
        method=method,
        reduction=reduction,
        index=index,
        covered=covered,
        within=within,
        uncovered=uncovered,
        uncovered_rows=sum(footers[shard].num_rows for shard in uncovered),
    )
    total = len(images) + images.uncovered_rows
    if images.uncovered_rows > _MUCH * total:
        note(
            f"{images.uncovered_rows:,} of {total:,} images are not in the index, and are scanned: "
            f"osrmac index {run.url} adds them"
        )
    return images


def _open(run: Run, method: Method, options: SearchConfig) -> OpenIndex | None:
    for attempt in range(2):
        stored = load_index(run, method.name)
        if stored is None or not _fits(run, method, options, stored):
            return None
        try:
            return OpenIndex(run.index(method.name), stored)
        except FileNotFoundError:  # the index has been built again since it was loaded
            if attempt:
                raise
    return None


def _fits(run: Run, method: Method, options: SearchConfig, stored: StoredIndex) -> bool:
    space = "cosine" if options.distance == "cosine" else "l2"
    command = f"osrmac index {run.url}"
    if stored.reduction != method.digest:
        problem = "an earlier reduction"
    elif stored.space != space:
        problem = f"vectors for {'cosine' if stored.space == 'cosine' else 'l1 and l2'}, not for {options.distance}"
        command += f" --distance {options.distance}"
    else:
        return True
    warn(f"the index over {method.name} is of {problem}, so all images are compared: run {command}")
    return False


def index_searcher(
    images: IndexedImages, options: SearchConfig, device: str, outside: frozenset[str] = frozenset()
) -> IndexSearcher:
    """Return a searcher for the queries of one search.

    Args:
        images: The images.
        options: Distance, and number of candidates.
        device: Torch device that computes the distances.
        outside: Ids of images that are never found.
    """

    def scan(within: Sequence[Location]) -> Scan:
        return Scan(partial(read_blocks, images.run, images.method, within), options.distance, device, outside)

    return IndexSearcher(
        images=images,
        scan=scan(images.within),
        scan_uncovered=scan(images.uncovered) if images.uncovered else None,
        candidates=options.candidates,
    )


def describe(images: IndexedImages | None, options: SearchConfig) -> str:
    """Return in words which images a search compares; without an index all of them."""
    if images is None:
        return "all images compared"
    total = len(images) + images.uncovered_rows
    by_index = f"index over {len(images):,} of {total:,} images, {options.candidates:,} candidates compared exactly"
    return f"{by_index}; {images.uncovered_rows:,} scanned" if images.uncovered_rows else by_index
