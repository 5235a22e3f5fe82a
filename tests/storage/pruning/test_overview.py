from pathlib import Path

import pyarrow as pa

from osrmac.storage import shards
from osrmac.storage.pruning.journal import Facts, Journal
from osrmac.storage.pruning.overview import remove_from_overview
from osrmac.storage.run import Run


def test_removed_images_leave_the_overview_and_its_facts_stay(tmp_path: Path) -> None:
    run = Run(str(tmp_path), pruning=True)
    removed = [pa.table({"id": [name], "uri": [f"/{name}"], "shard": [""]}) for name in ("a", "c")]
    journal = Journal(run.location)
    journal.write([(f"part-{number}.parquet", rows) for number, rows in enumerate(removed)], Facts(2, 2))
    remove_from_overview(run, journal)
    assert not run.overview.exists()
    table = pa.table({"id": ["a", "b", "c"], "group": [0, 0, None]}).replace_schema_metadata({"osrmac.overview": "{}"})
    shards.write_table(run.overview, table)
    for _ in range(2):
        remove_from_overview(run, journal)
        kept = shards.read(run.overview)
        assert kept.to_pylist() == [{"id": "b", "group": 0}]
        assert shards.metadata_of(kept) == {"osrmac.overview": "{}"}
