import sys
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pyarrow.parquet as pq
import pytest

from osrmac.commands.export import Export, export
from osrmac.commands.fit import fit
from osrmac.config import ExportConfig, ReductionConfig
from osrmac.errors import ConfigError, OsrmacError, StorageError
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.own_columns import give_columns


def test_npy_has_every_vector_and_its_id(run: Run, tmp_path: Path) -> None:
    exported = export(run.url, str(tmp_path / "out"), ExportConfig(to="npy", method="early"))
    assert exported == Export("early", 26, 512)
    ids = pq.read_table(tmp_path / "out" / "ids.parquet")
    known = shards.read_vectors(shards.paths(run.descriptors), "early")
    expected = dict(zip(known.ids, known.values, strict=True))
    vectors = np.load(tmp_path / "out" / "vectors.npy", mmap_mode="r")
    assert vectors.dtype == np.float32
    assert sorted(ids["id"].to_pylist()) == known.ids
    np.testing.assert_array_equal(vectors, [expected[image] for image in ids["id"].to_pylist()])
    assert all(Path(row["uri"]).match(f"*/{row['id']}") for row in ids.to_pylist())


def test_an_export_says_what_it_is_of_and_is_recorded_in_the_run(run: Run, tmp_path: Path) -> None:
    (selection,) = fit(run.url, ReductionConfig(select=("pfa",), features=(8,), baselines=False))
    export(run.url, str(tmp_path / "out"), ExportConfig(to="npy", method="osrmac-pfa-8"))
    origin = Location.of(tmp_path / "out" / "export.json").read_json()
    assert origin is not None
    expected = {"method": "osrmac-pfa-8", "digest": digest(selection), "images": 26}
    assert origin.items() >= {**expected, "run": run.url, "fingerprint": run.identity().fingerprint}.items()
    assert origin.keys() - expected.keys() == {"run", "fingerprint", "osrmac", "made"}
    assert run.copies()[f"{tmp_path}/out"].items() >= {**expected, "kind": "export"}.items()


def test_a_run_that_cannot_be_written_is_exported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Location, "swap", Mock(side_effect=StorageError("read-only")))
    export(run.url, str(tmp_path / "out"), ExportConfig(to="npy", method="early"))
    assert (tmp_path / "out" / "vectors.npy").exists()
    assert f"{tmp_path}/out is not recorded in {run.url}: StorageError: read-only" in capsys.readouterr().err
    assert run.copies() == {}


@pytest.mark.integration
def test_lance_has_a_table_of_ids_and_vectors(run: Run, tmp_path: Path) -> None:
    lancedb = pytest.importorskip("lancedb", reason="lancedb is an extra that is not installed")
    export(run.url, str(tmp_path / "out"), ExportConfig(to="lance", method="early"))
    table = lancedb.connect(str(tmp_path / "out")).open_table("images")
    known = shards.read_vectors(shards.paths(run.descriptors), "early")
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


def test_exports_have_the_users_own_columns_with_their_types(run: Run, tmp_path: Path) -> None:
    give_columns(run, {"title": {"copy0.png": "A"}, "year": {"even/00.png": 1901}})
    export(run.url, str(tmp_path / "out"), ExportConfig(to="npy", method="early"))
    ids = pq.read_table(tmp_path / "out" / "ids.parquet")
    assert ids.column_names == ["id", "uri", "title", "year"]
    rows = {row["id"]: (row["title"], row["year"]) for row in ids.to_pylist()}
    assert len(rows) == 26
    assert {image: values for image, values in rows.items() if any(values)} == {
        "copy0.png": ("A", None),
        "even/00.png": (None, 1901),
    }
    lancedb = pytest.importorskip("lancedb", reason="lancedb is an extra that is not installed")
    export(run.url, str(tmp_path / "lance"), ExportConfig(to="lance", method="early"))
    table = lancedb.connect(str(tmp_path / "lance")).open_table("images")
    assert [row["id"] for row in table.search().where("year > 1900").to_list()] == ["even/00.png"]
    assert table.schema.names == ["id", "uri", "vector", "title", "year"]
