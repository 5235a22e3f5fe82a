"""Make the overview of a run: compare a sample of its images with each other, and assign the others to these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from osrmac.config import Distance, OverviewConfig, SearchConfig
from osrmac.errors import StorageError
from osrmac.progress import stage
from osrmac.retrieval.overview import Placed, SampleOverview, numbered
from osrmac.runs.methods import Method, choose_method
from osrmac.runs.near_duplicates.calibration import vectors_digest
from osrmac.runs.overview.sample import draw, read_sample
from osrmac.runs.overview.stored import (
    Overview,
    OverviewFacts,
    load_overview,
    read_overview,
    shards_digest,
    write_overview,
)
from osrmac.runs.scan import torch_device
from osrmac.runs.shard_reader import list_shards, read_blocks
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Run
from osrmac.storage.schema import OVERVIEW

__all__ = ["current_overview", "make_overview"]

_DISTANCE: Distance = SearchConfig.distance


def current_overview(run: Run) -> Overview:
    """Return the overview of a run, from any sample; one that is missing or out of date is made by `make_overview`."""
    found = load_overview(run)
    return found if found is not None and found.stale is None else make_overview(run)


def make_overview(run: Run, options: OverviewConfig = OverviewConfig()) -> Overview:
    """Make the overview of a run, and write it into the run.

    A sample of the images is compared with itself, grouped and mapped; the others are read shard by shard, and assigned
    to these. Memory: 16 bytes for each pair of sampled images, 800 MB for 10 000 of them, beside their vectors and some
    200 bytes for each image.

    Args:
        run: Run with descriptors.
        options: Size of the sample, and how it is compared.

    Raises:
        ConfigError: The run has only vectors of regions, or there is no such device.
        NotFoundError: No run.
        StorageError: The run has no described images, another process makes its overview, or it changes meanwhile.
    """
    run.record()
    device = torch_device(options.device)
    with locked(run.location, Part.OVERVIEW) as lock:
        within, method, content = list_shards(run), choose_method(run, None, local=False), shards_digest(run)
        with stage("reading images for the overview"):
            ids, count = draw(within, options.sample)
            if not ids:
                raise StorageError(f"{run.url} has no described images: see osrmac info {run.url}")
            vectors = read_sample(run, method, within, ids)
        with stage("grouping and mapping images") as progress:
            found = SampleOverview.of(vectors, _DISTANCE, device, lambda done: progress.update(done, count))
            parts = [(ids, found.placed)]
            if len(ids) < count:
                for part in _assigned(run, method, within, found, frozenset(ids)):
                    parts.append(part)
                    progress.update(sum(len(part[0]) for part in parts), count)
        rows = _table(parts)
        facts = OverviewFacts(
            method=method.name,
            distance=_DISTANCE,
            digest=vectors_digest(run, method),
            shards=content,
            images=rows.num_rows,
            sampled=len(ids),
            threshold=found.threshold,
        )
        lock.confirm()
        write_overview(run, rows, facts)
    return read_overview(run)


def _assigned(
    run: Run, method: Method, within: Sequence[Location], sample: SampleOverview, sampled: frozenset[str]
) -> Iterator[tuple[list[str], Placed]]:
    """Yield the ids of the images of each shard that are not in the sample, and what is known of them."""
    for block in read_blocks(run, method, within):
        rows = [row for row, image in enumerate(block.ids) if image not in sampled]
        if rows:
            yield [block.ids[row] for row in rows], sample.assign(block.vectors[0][rows])


def _table(parts: Sequence[tuple[list[str], Placed]]) -> pa.Table:
    """Return the rows of all images, those of the sample first. Groups are numbered now that all members are known."""
    ids = [image for part, _ in parts for image in part]
    placed = Placed.joined([each for _, each in parts])
    groups = numbered(placed.labels)
    alone = groups < 0
    columns = [
        pa.array(ids, pa.string()),
        pa.array(groups.astype(np.int32), mask=alone),
        pa.array(placed.group_distances, mask=alone),
        *map(pa.array, placed.positions.T),
        pa.array(placed.isolation),
        pa.array(np.arange(len(ids)) < len(parts[0][0])),
    ]
    return pa.table(columns, schema=OVERVIEW)
