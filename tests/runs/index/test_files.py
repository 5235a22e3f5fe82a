from pathlib import Path

import pytest

from osrmac.errors import DamagedFileError
from osrmac.runs.index.files import (
    IndexFiles,
    file_digest,
    index_file_is_intact,
    indexed_methods,
    part_origin,
    write_file,
)
from osrmac.runs.index.stored import IndexedShard
from osrmac.storage.location import Location
from osrmac.storage.run import Run


def test_a_file_is_found_by_what_it_was_made_from(tmp_path: Path) -> None:
    files = IndexFiles(Location.of(tmp_path))
    group = (IndexedShard(0, "a.parquet", 0, 5), IndexedShard(3, "b.parquet", 1, 5))
    others = [
        (group[0],),
        (group[0], IndexedShard(3, "b.parquet", 2, 5)),
        (group[0], IndexedShard(4, "b.parquet", 1, 5)),
    ]
    name, digest = write_file(files.folder, "part", b"codes", part_origin("d1", group))
    assert digest == file_digest(b"codes")
    assert files.names() == {name}
    assert files.find("part", [part_origin("d1", group)]) == [files.folder / name]
    origins = [part_origin("d2", group), *(part_origin("d1", other) for other in others)]
    assert files.find("part", origins) == [None] * 4
    assert files.find("quantizer", [part_origin("d1", group)]) == [None]


def test_a_file_of_another_content_is_not_intact(tmp_path: Path) -> None:
    name, _ = write_file(Location.of(tmp_path), "quantizer", b"centroids", [1])
    assert index_file_is_intact(name, b"centroids")
    assert not index_file_is_intact(name, b"centroidz")
    assert not index_file_is_intact("quantizer.faiss", b"centroids")


def test_a_damaged_file_is_not_read(tmp_path: Path) -> None:
    files = IndexFiles(Location.of(tmp_path / "index"))
    name, digest = write_file(files.folder, "quantizer", b"centroids", [1])
    assert files.read(name, digest) == b"centroids"
    (files.folder / name).write_bytes(b"centroidz")
    with pytest.raises(DamagedFileError, match="remove it and run osrmac index again"):
        files.read(name, digest)


def test_files_that_are_not_named_are_removed(tmp_path: Path) -> None:
    files = IndexFiles(Location.of(tmp_path))
    kept, _ = write_file(files.folder, "part", b"one", [1])
    write_file(files.folder, "part", b"two", [2])
    (tmp_path / f".{kept}.{'0' * 32}").write_bytes(b"unfinished")
    (files.folder / "index.json").write_json({})
    assert files.size([kept]) == 3
    files.remove_others({kept})
    assert {file.name for file in tmp_path.iterdir()} == {kept, "index.json"}


def test_methods_with_an_index_are_listed(tmp_path: Path) -> None:
    run = Run(str(tmp_path / "run"))
    assert indexed_methods(run) == []
    for name in ("pfa", "leverage"):
        write_file(run.index(name), "quantizer", b"", [])
    assert indexed_methods(run) == ["leverage", "pfa"]
