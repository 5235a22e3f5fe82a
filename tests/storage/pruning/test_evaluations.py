from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.storage import shards
from osrmac.storage.pruning.evaluations import marks, remove_results
from osrmac.storage.pruning.journal import Facts, Journal
from osrmac.storage.run import Run
from osrmac.types import REMOVED_SINCE


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(str(tmp_path), pruning=True)
    run.evaluation("groups", ".json").write_json({"scores": [], "distance": "l1"})
    conditions = {REMOVED_SINCE: "4, last on 2026-01-01"}
    run.evaluation("groups-sweep", ".json").write_json({"points": [], "conditions": conditions})
    run.evaluation("tables", ".json").write_json({"tables": []})
    removed = pa.table({"id": ["a", "b"], "uri": ["/a", "/b"], "shard": ["", ""]})
    Journal(run.location).write([("part-00000.parquet", removed)], Facts(2, 2))
    return run


def test_marks_add_up_and_are_written_as_they_are(run: Run) -> None:
    marked = marks(run, 2, "2026-05-01")
    assert marked == {"groups": "2, last on 2026-05-01", "groups-sweep": "6, last on 2026-05-01"}
    for _ in range(2):
        remove_results(run, Journal(run.location), marked)
    assert run.evaluations()["groups"] == {"scores": [], "distance": "l1", REMOVED_SINCE: "2, last on 2026-05-01"}
    assert run.evaluations()["groups-sweep"]["conditions"][REMOVED_SINCE] == "6, last on 2026-05-01"
    assert run.evaluations()["tables"] == {"tables": []}


def test_results_of_early_versions_and_of_rankings_lose_removed_images_too(run: Run) -> None:
    early = pa.table({"query": ["a", "c"], "first": [["b"], ["d", "b", "e"]]})
    rankings = pa.table(
        {"query": ["c"], "image": pa.nulls(1, pa.string()), "first": pa.nulls(1, pa.list_(pa.string()))}
    )
    for name, table in (("early", early), ("rankings", rankings)):
        shards.write_table(run.evaluation(name, "-queries.parquet"), table)
    remove_results(run, Journal(run.location), {})
    assert shards.read(run.evaluation("early", "-queries.parquet")).to_pylist() == [{"query": "c", "first": ["d", "e"]}]
    assert shards.read(run.evaluation("rankings", "-queries.parquet")).equals(rankings)
