from pathlib import Path

import pytest

from osrmac.config import ClusterConfig
from osrmac.distributed.index import train, write_parts
from osrmac.errors import DamagedFileError, StorageError
from osrmac.runs.index.files import IndexFiles
from osrmac.runs.index.source import IndexSource
from osrmac.runs.index.stored import load_index
from osrmac.runs.index.update import plan_update
from osrmac.runs.reductions.stored import load_reductions
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.prunable_run import copied, prunable_run

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of 10 shards with an index that was built without Ray; tests must not change it."""
    return prunable_run(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def run(whole: Run, tmp_path: Path) -> Run:
    return copied(whole, tmp_path)


@pytest.fixture
def source(run: Run) -> IndexSource:
    return IndexSource.of(run, load_reductions(run)[0], "l2")


def refuse(_: object) -> None:
    raise AssertionError("this needs no cluster")


def test_tasks_write_what_one_process_writes(
    run: Run, source: IndexSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load_index(run, "osrmac-pfa-2")
    assert expected is not None
    files = IndexFiles(Location.of(tmp_path / "index"))
    index = train(source, files, None, ClusterConfig())
    assert (index.trained_on, index.quantizer_digest) == (19, expected.quantizer_digest)
    progress: list[tuple[int, int]] = []
    groups = plan_update((), source.shards, part_rows=8).groups
    parts = write_parts(source, index, groups, files, ClusterConfig(), lambda *counts: progress.append(counts))
    assert tuple(parts) == expected.parts
    assert files.names() == {index.quantizer, *(part.file for part in parts)}
    assert progress == [(1, 3), (2, 3), (3, 3)]
    monkeypatch.setattr("osrmac.distributed.index.connect", refuse)
    assert train(source, files, None, ClusterConfig()) == index


def test_an_index_that_replaces_another_is_trained_again(source: IndexSource, tmp_path: Path) -> None:
    files = IndexFiles(Location.of(tmp_path / "index"))
    first = train(source, files, None, ClusterConfig())
    second = train(source, files, first, ClusterConfig())
    assert first.quantizer != second.quantizer
    assert first.quantizer_digest == second.quantizer_digest


def test_a_shard_that_is_replaced_meanwhile_is_named_in_one_line(source: IndexSource, tmp_path: Path) -> None:
    file = source.folder / source.shards[0].shard
    shards.replace(file, shards.read(file), generation=1)
    with pytest.raises(StorageError, match=f"{file.name} was replaced while it was indexed") as caught:
        train(source, IndexFiles(Location.of(tmp_path / "index")), None, ClusterConfig())
    assert "\n" not in str(caught.value)


def test_a_damaged_quantizer_is_refused(run: Run, source: IndexSource, monkeypatch: pytest.MonkeyPatch) -> None:
    index = load_index(run, "osrmac-pfa-2")
    assert index is not None
    files = IndexFiles(run.index("osrmac-pfa-2"))
    (files.folder / index.quantizer).write_bytes(b"damaged")
    monkeypatch.setattr("osrmac.distributed.index.connect", refuse)
    groups = plan_update((), source.shards, part_rows=8).groups
    with pytest.raises(DamagedFileError, match="remove it and run osrmac index again"):
        write_parts(source, index, groups, files, ClusterConfig())
    assert write_parts(source, index, (), files, ClusterConfig()) == []
