"""A sample of the images of a run, to show what the collection holds."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.runs.shard_reader import map_shards
from osrmac.storage import manifest, schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["sample"]


def sample(run: Run, number: int) -> dict[str, str]:
    """Return the URIs of some described images by id, spread evenly over the collection in the order of its listing.

    At most `number` shards are read, so neither time nor memory grows with the collection.

    Args:
        run: Run, of which any number of shards are there.
        number: Largest number of images. Where images have failed, there may be fewer.
    """
    committed = {shard.name: shard for shard in shards.paths(run.descriptors)}
    plans = [plan for plan in manifest.shard_plans(run.manifest) if plan.shard in committed]
    total = sum(plan.rows for plan in plans)
    wanted = iter([(2 * place + 1) * total // (2 * number) for place in range(number)])
    places: defaultdict[str, list[Fraction]] = defaultdict(list)
    position, before = next(wanted, total), 0
    for plan in plans:
        while position < before + plan.rows:
            places[plan.shard].append(Fraction(position - before, plan.rows))
            position = next(wanted, total)
        before += plan.rows
    tables = map_shards(_described, [committed[shard] for shard in places])
    return {
        row["id"]: row["uri"]
        for rows, within in zip(tables, places.values(), strict=True)
        if rows.num_rows
        for row in rows.take([int(place * rows.num_rows) for place in within]).to_pylist()
    }


def _described(shard: Location) -> pa.Table:
    rows = shards.read(shard, ["id", "uri", "status"])
    return rows.filter(pc.equal(rows["status"], schema.OK)).sort_by("id")
