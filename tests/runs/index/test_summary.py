from pathlib import Path

from osrmac.runs.index.pruning import remove_shards
from osrmac.runs.index.stored import load_index
from osrmac.runs.index.summary import IndexInfo, list_indexes
from osrmac.runs.reductions.stored import digests
from tests.prunable_run import prunable_run

NAME = "osrmac-pfa-2"


def test_an_index_is_current_incomplete_or_stale(tmp_path: Path) -> None:
    run = prunable_run(tmp_path)
    assert list(list_indexes(run, digests(run))) == [IndexInfo(NAME, "l2", "IVF1,Flat", 19, 10, 0, "current")]
    index = load_index(run, NAME)
    assert index is not None
    shard = index.parts[0].shards[0]
    remove_shards(run, NAME, [shard.shard])
    expected = IndexInfo(NAME, "l2", "IVF1,Flat", 19 - shard.rows, 9, 1, "incomplete")
    assert list(list_indexes(run, digests(run))) == [expected]
    assert [(index.images, index.state) for index in list_indexes(run, {NAME: "of another fit"})] == [(0, "stale")]
    assert [index.state for index in list_indexes(run, {})] == ["stale"]
    (run.index(NAME) / "index.json").remove()
    assert list(list_indexes(run, digests(run))) == []
