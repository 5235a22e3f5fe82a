import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from osrmac.commands.export import Export, export
from osrmac.config import ExportConfig
from osrmac.errors import ConfigError, OsrmacError
from osrmac.storage import shards
from osrmac.storage.run import Run


def test_npy_has_every_vector_and_its_id(finished: Run, tmp_path: Path) -> None:
    exported = export(finished.url, str(tmp_path / "out"), ExportConfig(to="npy", method="early"))
    assert exported == Export("early", 26, 512)
    ids = pq.read_table(tmp_path / "out" / "ids.parquet")
    known = shards.read_vectors(shards.paths(finished.descriptors), "early")
    expected = dict(zip(known.ids, known.values, strict=True))
    vectors = np.load(tmp_path / "out" / "vectors.npy", mmap_mode="r")
    assert vectors.dtype == np.float32
    assert sorted(ids["id"].to_pylist()) == known.ids
    np.testing.assert_array_equal(vectors, [expected[image] for image in ids["id"].to_pylist()])
    assert all(Path(row["uri"]).match(f"*/{row['id']}") for row in ids.to_pylist())


def test_lance_has_a_table_of_ids_and_vectors(finished: Run, tmp_path: Path) -> None:
    lancedb = pytest.importorskip("lancedb", reason="lancedb is an extra that is not installed")
    export(finished.url, str(tmp_path / "out"), ExportConfig(to="lance", method="early"))
    table = lancedb.connect(str(tmp_path / "out")).open_table("images")
    known = shards.read_vectors(shards.paths(finished.descriptors), "early")
    stored = table.to_arrow().sort_by("id")
    assert stored["id"].to_pylist() == known.ids
    np.testing.assert_array_equal(shards.matrix(stored["vector"].combine_chunks()), known.values)


def test_an_export_that_is_interrupted_leaves_nothing(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np.memmap, "flush", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(finished.url, str(tmp_path / "out"), ExportConfig(to="npy"))
    assert not list(tmp_path.iterdir())


def test_two_exports_to_one_folder_do_not_mix(finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_export(*_: object) -> None:
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "vectors.npy").write_text("theirs")

    monkeypatch.setattr(np.memmap, "flush", other_export)
    with pytest.raises(ConfigError, match="out exists: name a folder that does not"):
        export(finished.url, str(tmp_path / "out"), ExportConfig(to="npy"))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["vectors.npy"]
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("options", "exists", "message"),
    [
        (ExportConfig(to="npy"), True, "exists: name a folder that does not"),
        (ExportConfig(to="lance"), False, r"LanceDB is not installed: pip install 'osrmac\[lance\]'"),
        (ExportConfig(to="npy", method="osrmac+cam"), False, "no method osrmac.cam"),
    ],
)
def test_an_export_that_cannot_work_writes_nothing(
    finished: Run, tmp_path: Path, options: ExportConfig, exists: bool, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    output = tmp_path if exists else tmp_path / "out"
    with pytest.raises(OsrmacError, match=message):
        export(finished.url, str(output), options)
    assert not (tmp_path / "out").exists()
