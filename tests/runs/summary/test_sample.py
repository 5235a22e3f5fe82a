"""A sample of the images of a run, from a manifest and shards of ids."""

from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.runs.summary.sample import sample
from osrmac.storage import schema, shards
from osrmac.storage.run import Run

SHARDS = {"part-b": 6, "part-c": 1, "part-a": 3}
"""Number of images in each shard, in the order of the listing, which is not that of the names."""


def run_of(folder: Path, *, failed: frozenset[str] = frozenset(), missing: str | None = None) -> Run:
    run = Run(str(folder))
    ids = iter([f"{number}.jpg" for number in range(sum(SHARDS.values()))])
    groups = []
    for shard, number in SHARDS.items():
        rows = [{"id": next(ids), "uri": "", "shard": f"{shard}.parquet", "generation": 0} for _ in range(number)]
        groups.append(pa.Table.from_pylist(rows, schema=schema.manifest(schema.COLLECTION)))
        described = [
            {"id": row["id"], "uri": f"/{row['id']}", "status": schema.FAILED if row["id"] in failed else schema.OK}
            for row in reversed(rows)
        ]
        if shard != missing:
            shards.write_table(
                run.descriptors / f"{shard}.parquet", pa.Table.from_pylist(described, schema=schema.descriptors({}, ""))
            )
    shards.write_groups(run.manifest / "part-0.parquet", groups)
    return run


@pytest.mark.parametrize(
    ("number", "expected"), [(1, "5"), (2, "27"), (5, "13579"), (10, "0123456789"), (99, "0123456789")]
)
def test_a_sample_is_spread_evenly_in_the_order_of_the_listing(tmp_path: Path, number: int, expected: str) -> None:
    assert list(sample(run_of(tmp_path), number).items()) == [(f"{n}.jpg", f"/{n}.jpg") for n in expected]


def test_failed_images_and_missing_shards_are_passed_over(tmp_path: Path) -> None:
    run = run_of(tmp_path, failed=frozenset(["0.jpg", "1.jpg", "6.jpg"]), missing="part-a")
    assert list(sample(run, 99)) == ["2.jpg", "3.jpg", "4.jpg", "5.jpg"]


def test_a_run_without_shards_has_no_sample(tmp_path: Path) -> None:
    assert sample(Run(str(tmp_path)), 5) == {}
