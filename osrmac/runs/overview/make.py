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


def current_overview(run: Run, sample: int | None = None) -> Overview:
    """Return the overview of a run; one that is missing or out of date is made, as by `make_overview`.

    Args:
        run: Run with descriptors.
        sample: Size of the sample that the overview must have been made from; None accepts any.
    """
    found = load_overview(run)
    if found is not None and found.stale is None:
        if sample is None or found.facts.sampled == min(sample, found.facts.images):
            return found
    return make_overview(run, OverviewConfig() if sample is None else OverviewConfig(sample=sample))


def make_overview(run: Run, options: OverviewConfig) -> Overview:
    """Make the overview of a run, and write it into the run.

    At most `options.sample` images are compared with each other, grouped and mapped; the others are read shard by
    shard, and assigned to these. Memory: 16 bytes for each pair of sampled images, 800 MB for 10 000 of them, beside
    their vectors and some 200 bytes for each image.

    Args:
        run: Run with descriptors.
        options: Size of the sample.

    Raises:
        ConfigError: The run has only vectors of regions.
        NotFoundError: No run.
        StorageError: The run has no described images, another process makes its overview, or it changes meanwhile.
    """
    run.record()
    with locked(run.location, Part.OVERVIEW) as lock:
        within = list_shards(run)
        method = choose_method(run, None, local=False)
        digest = shards_digest(run)
        with stage("reading images for the overview"):
            ids, count = draw(within, options.sample)
            if not ids:
                raise StorageError(f"{run.url} has no described images: see osrmac info {run.url}")
            vectors = read_sample(run, method, within, ids)
        with stage("grouping and mapping images") as progress:
            sample = SampleOverview.of(
                vectors, _DISTANCE, torch_device("auto"), lambda done: progress.update(done, count)
            )
            parts = [(ids, sample.placed, True)]
            if len(ids) < count:
                for others, placed in _assigned(run, method, within, sample, frozenset(ids)):
                    parts.append((others, placed, False))
                    progress.update(sum(len(part[0]) for part in parts), count)
        rows = _table(parts)
        facts = OverviewFacts(
            method=method.name,
            distance=_DISTANCE,
            digest=vectors_digest(run, method),
            shards=digest,
            images=rows.num_rows,
            sampled=len(ids),
            threshold=sample.threshold,
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


def _table(parts: Sequence[tuple[list[str], Placed, bool]]) -> pa.Table:
    """Return the rows of all images, whose groups are numbered now that all of their members are known."""
    placed = [each for _, each, _ in parts]
    groups = numbered(np.concatenate([each.labels for each in placed]))
    alone = groups < 0
    positions = np.concatenate([each.positions for each in placed])
    columns = [
        pa.array([image for ids, _, _ in parts for image in ids], pa.string()),
        pa.array(groups.astype(np.int32), mask=alone),
        pa.array(np.concatenate([each.group_distances for each in placed]), mask=alone),
        pa.array(positions[:, 0]),
        pa.array(positions[:, 1]),
        pa.array(np.concatenate([each.isolation for each in placed])),
        pa.array(np.concatenate([np.full(len(ids), sampled) for ids, _, sampled in parts])),
    ]
    return pa.table(columns, schema=OVERVIEW)
