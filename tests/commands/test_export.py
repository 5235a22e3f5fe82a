import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from osrmac.commands.export import Exported, export
from osrmac.config import ExportConfig
from osrmac.errors import OsrmacError
from osrmac.storage import shards
from osrmac.storage.run import Run


def test_numpy_has_every_vector_beside_its_id(finished: Run, tmp_path: Path) -> None:
    made = export(finished.url, str(tmp_path / "out"), ExportConfig("npy", "early"))
    assert made == Exported("early", 26, 512)
    ids = pq.read_table(tmp_path / "out" / "ids.parquet")
    known = shards.read_vectors(shards.paths(finished.descriptors), "early")
    expected = dict(zip(known.ids, known.values, strict=True))
    vectors = np.load(tmp_path / "out" / "vectors.npy", mmap_mode="r")
    assert vectors.dtype == np.float32
    assert sorted(ids["id"].to_pylist()) == known.ids
    np.testing.assert_array_equal(vectors, [expected[image] for image in ids["id"].to_pylist()])
    assert all(Path(row["uri"]).match(f"*/{row['id']}") for row in ids.to_pylist())


def test_lance_has_a_table(finished: Run, tmp_path: Path) -> None:
    lancedb = pytest.importorskip("lancedb", reason="lancedb is an extra that is not installed")
    export(finished.url, str(tmp_path / "out"), ExportConfig("lance", "early"))
    table = lancedb.connect(str(tmp_path / "out")).open_table("images")
    known = shards.read_vectors(shards.paths(finished.descriptors), "early")
    stored = table.to_arrow().sort_by("id")
    assert stored["id"].to_pylist() == known.ids
    np.testing.assert_array_equal(shards.matrix(stored["vector"].combine_chunks()), known.values)


@pytest.mark.parametrize(
    ("options", "there", "message"),
    [
        (ExportConfig("npy"), True, "exists: name a folder that does not"),
        (ExportConfig("lance"), False, r"LanceDB is not installed: pip install 'osrmac\[lance\]'"),
        (ExportConfig("npy", "osrmac+cam"), False, "no method osrmac.cam"),
    ],
)
def test_what_cannot_be_exported(
    finished: Run, tmp_path: Path, options: ExportConfig, there: bool, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    output = tmp_path if there else tmp_path / "out"
    with pytest.raises(OsrmacError, match=message):
        export(finished.url, str(output), options)
    assert not (tmp_path / "out").exists()
