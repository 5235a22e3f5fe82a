from pathlib import Path

import pytest

from osrmac.runs.index.pruning import remove_shards
from osrmac.runs.index.source import IndexSource
from osrmac.runs.index.stored import StoredIndex, load_index
from osrmac.runs.reductions.stored import load_reductions
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.indexes import indexed_rows, rows_of, without
from tests.prunable_run import copied, prunable_run

NAME = "osrmac-pfa-2"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of 10 shards with an index in three parts; tests must not change it."""
    return prunable_run(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def run(whole: Run, tmp_path: Path) -> Run:
    return copied(whole, tmp_path)


def stored(run: Run) -> StoredIndex:
    index = load_index(run, NAME)
    assert index is not None
    return index


def files(run: Run) -> set[str]:
    return {file.name for file in Path(run.index(NAME)).iterdir()}


def test_shards_leave_the_index_and_the_other_parts_stay(run: Run) -> None:
    before, rows = stored(run), indexed_rows(run, NAME)
    assert rows == rows_of(IndexSource.of(run, load_reductions(run)[0], "l2"))
    gone = [before.parts[0].shards[1].shard, *(shard.shard for shard in before.parts[2].shards)]
    assert remove_shards(run, NAME, gone) == len(gone)
    assert indexed_rows(run, NAME) == without(gone, rows)
    after = stored(run)
    assert after.parts[1:] == before.parts[1:2]
    assert files(run) == {"index.json", *after.files}
    assert remove_shards(run, NAME, gone) == 0
    assert stored(run) == after


def test_all_generations_of_a_shard_leave_the_index(run: Run) -> None:
    shard = stored(run).parts[0].shards[0].shard
    reduced = run.reduced(NAME) / shard
    shards.replace(reduced, shards.read(reduced), generation=1)
    assert remove_shards(run, NAME, [shard]) == 1


def test_what_killed_builds_have_left_is_removed_also_without_an_index(run: Run) -> None:
    folder = run.index(NAME)
    (folder / "part-0-1.faiss").write_bytes(b"codes")
    assert remove_shards(run, NAME, []) == 0
    assert files(run) == {"index.json", *stored(run).files}
    (folder / "index.json").remove()
    assert remove_shards(run, NAME, []) == 0
    assert files(run) == set()


def test_a_damaged_part_or_index_is_removed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    first = stored(run).parts[0]
    (run.index(NAME) / first.file).write_bytes(b"damaged")
    assert remove_shards(run, NAME, [first.shards[0].shard]) == len(first.shards)
    assert "is missing or damaged: its images leave the index" in capsys.readouterr().err
    assert first not in stored(run).parts
    (run.index(NAME) / "index.json").write_bytes(b"{")
    assert remove_shards(run, NAME, ["any"]) == 0
    assert "it is removed now" in capsys.readouterr().err
    assert files(run) == set()
