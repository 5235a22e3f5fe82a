import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from osrmac.errors import ConfigError, NotFoundError, StorageError
from osrmac.storage import shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.listing.skipped import Skipped
from osrmac.storage.location import Location
from osrmac.storage.reading import content
from osrmac.storage.reading.fetch import Fetcher
from tests.archives import hugging_face_file
from tests.lists import ids, plan

IMAGES = [bytes([number]) * 9 for number in range(12)]


def contents(rows: pa.Table) -> list[bytes | Exception]:
    return list(Fetcher()(rows["uri"].to_pylist()))


def test_rows_with_bytes_are_images_in_the_order_of_the_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"jpg": IMAGES, "label": [1] * 12}), tmp_path / "a.parquet", row_group_size=5)
    rows = plan(str(tmp_path / "a.parquet"))
    assert ids(rows) == [f"{number:09d}" for number in range(12)]
    assert contents(rows) == IMAGES
    assert set(rows["size"].to_pylist()) == {None}
    assert ids(plan(f"{tmp_path}/*.parquet"))[:2] == ["a.parquet/000000000", "a.parquet/000000001"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_the_column_id_names_the_images(kind: pa.DataType, tmp_path: Path) -> None:
    names = [f"{number:04d}" for number in range(12, 0, -1)]
    pq.write_table(pa.table({"id": names, "image": pa.array(IMAGES, kind)}), tmp_path / "a.parquet")
    rows = plan(str(tmp_path))
    assert ids(rows) == sorted(names)
    assert contents(rows) == IMAGES[::-1]


def test_different_paths_of_the_hugging_face_layout_name_the_images(tmp_path: Path) -> None:
    hugging_face_file(tmp_path / "a.parquet", IMAGES[:2], ["x/1.jpg", "x/2.jpg"])
    rows = plan(str(tmp_path / "a.parquet"))
    assert (ids(rows), contents(rows)) == (["x/1.jpg", "x/2.jpg"], IMAGES[:2])
    assert ids(plan(str(tmp_path))) == ["a.parquet/x/1.jpg", "a.parquet/x/2.jpg"]
    for paths in (["1.jpg", "1.jpg"], ["1.jpg", None]):
        hugging_face_file(tmp_path / "a.parquet", IMAGES[:2], paths)
        assert ids(plan(str(tmp_path / "a.parquet"))) == ["000000000", "000000001"]


def test_paths_without_bytes_name_files_beside(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"one")
    hugging_face_file(tmp_path / "a.parquet", [None, None], ["1.jpg", f"{tmp_path}/1.jpg"])
    rows = plan(str(tmp_path / "a.parquet"))
    assert rows["uri"].to_pylist() == [f"{tmp_path}/1.jpg", f"{tmp_path}/1.jpg"]
    assert contents(rows) == [b"one", b"one"]


def test_a_row_without_bytes_fails_alone(tmp_path: Path) -> None:
    hugging_face_file(tmp_path / "a.parquet", [b"1", None, b"3"], ["1.jpg", "2.jpg", "3.jpg"])
    first, error, third = contents(plan(str(tmp_path / "a.parquet")))
    assert (first, third) == (b"1", b"3")
    assert str(error) == "row 1 has no bytes in the column image.bytes"


def test_of_several_columns_of_bytes_one_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": IMAGES, "mask": IMAGES[::-1]}), tmp_path / "a.parquet")
    for images in (tmp_path, tmp_path / "a.parquet"):
        with pytest.raises(ConfigError, match=r"several columns of bytes, image, mask: name .* with --image-column"):
            plan(str(images))
    rows = pa.concat_tables(listing(Location.of(tmp_path), image_column="mask"))
    assert contents(rows) == IMAGES[::-1]
    with pytest.raises(StorageError, match="no column 'uri'"):
        list(listing(Location.of(tmp_path / "a.parquet"), image_column="photo"))


def test_further_columns_are_kept_unless_other_images_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    titles = [f"title {number}" for number in range(12)]
    table = pa.table({"jpg": IMAGES, "title": titles, "box": [[1]] * 12})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=5)
    pq.write_table(pa.table({"jpg": IMAGES[:1]}), tmp_path / "b.parquet")
    rows = plan(str(tmp_path))
    assert rows["title"].to_pylist() == [*titles, None]
    assert contents(rows) == [*IMAGES, IMAGES[0]]
    assert "a.parquet: column box" in capsys.readouterr().err
    (tmp_path / "a.jpg").write_bytes(b"a")
    assert "title" not in plan(str(tmp_path)).column_names
    (tmp_path / "a.jpg").unlink()
    with tarfile.open(tmp_path / "c.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"))
    assert "title" not in plan(str(tmp_path)).column_names


def test_a_file_with_uris_stays_a_list(tmp_path: Path) -> None:
    pq.write_table(pa.table({"uri": ["/1.jpg"], "thumbnail": [b"1"]}), tmp_path / "a.parquet")
    assert ids(plan(str(tmp_path / "a.parquet"))) == ["/1.jpg"]


def test_other_parquet_files_in_a_folder_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hugging_face_file(tmp_path / "a.parquet", IMAGES[:1], [None])
    pq.write_table(pa.table({"name": ["x"]}), tmp_path / "names.parquet")
    pq.write_table(pa.table({"uri": ["/1.jpg"], "thumbnail": [b"1"]}), tmp_path / "list.parquet")
    digests = pa.table({"digest": [b"1"]}, metadata={"osrmac.version": "1"})
    shards.write_table(Location.of(tmp_path / "other_run" / "a.parquet"), digests)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    skipped = Skipped()
    rows = pa.concat_tables(listing(Location.of(tmp_path), skipped=skipped))
    assert ids(rows) == ["a.parquet/000000000"]
    assert skipped.counts == {".parquet": 3}
    assert f"passed over {tmp_path}/broken.parquet: cannot read the Parquet file" in capsys.readouterr().err
    with pytest.raises(StorageError, match="cannot read the Parquet file"):
        plan(str(tmp_path / "broken.parquet"))


def test_a_folder_without_images_names_what_it_has(tmp_path: Path) -> None:
    pq.write_table(pa.table({"name": ["x"]}), tmp_path / "names.parquet")
    with pytest.raises(NotFoundError, match=r"1 \.parquet"):
        plan(str(tmp_path))


def test_a_listing_does_not_read_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = [bytes([number]) * 2_000_000 for number in range(8)]
    hugging_face_file(tmp_path / "a.parquet", large, [f"{number}.jpg" for number in range(8)], group=2)
    pq.write_table(pq.read_table(tmp_path / "a.parquet"), tmp_path / "a.parquet", compression="none", row_group_size=2)
    location = Location.of("memory://large.parquet")
    location.write_bytes((tmp_path / "a.parquet").read_bytes())
    read: list[int] = []
    original = content.read

    def recording(*arguments: Any) -> bytes:
        read.append(arguments[4].length)
        return original(*arguments)

    monkeypatch.setattr(content, "read", recording)
    assert len(plan(location.url)) == 8
    assert len(read) == 2 + 4  # the footer, to look for images and to list them, and the paths of each row group
    assert sum(read) < 400_000
