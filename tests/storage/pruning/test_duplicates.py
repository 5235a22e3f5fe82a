from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.storage import schema, shards
from osrmac.storage.pruning.duplicates import remove_duplicates
from osrmac.storage.pruning.journal import Facts, Journal
from osrmac.storage.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(str(tmp_path), pruning=True)
    removed = pa.table({"id": ["a", "e"], "uri": ["/a", "/e"], "shard": ["", ""]})
    Journal(run.location).write([("part-00000.parquet", removed)], Facts(2, 2))
    return run


def write(run: Run, groups: list[str]) -> None:
    rows = [
        {"group": number, "id": name, "uri": f"/{name}", "keep": name == group[0]}
        for number, group in enumerate(groups, 1)
        for name in group
    ]
    columns = schema.DUPLICATES.with_metadata({"osrmac.duplicates": "facts"})
    shards.write_table(run.duplicates, pa.Table.from_pylist(rows, schema=columns))


def test_another_image_is_kept_in_place_of_a_removed_one(run: Run) -> None:
    write(run, ["abc", "de", "fg"])
    for _ in range(2):
        remove_duplicates(run, Journal(run.location))
        left = shards.read(run.duplicates)
        rows = [(row["group"], row["id"], row["keep"]) for row in left.to_pylist()]
        assert rows == [(1, "b", True), (1, "c", False), (3, "f", True), (3, "g", False)]
        assert shards.metadata_of(left)["osrmac.duplicates"] == "facts"


def test_a_run_without_near_duplicates_gets_none(run: Run) -> None:
    remove_duplicates(run, Journal(run.location))
    assert not run.duplicates.exists()


def test_near_duplicates_without_removed_images_are_not_written_again(run: Run) -> None:
    write(run, ["bc"])
    before = Path(run.duplicates).stat().st_mtime_ns
    remove_duplicates(run, Journal(run.location))
    assert Path(run.duplicates).stat().st_mtime_ns == before
