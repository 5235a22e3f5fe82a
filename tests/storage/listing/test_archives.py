from pathlib import Path

import pyarrow as pa
import pytest
import s3fs

from osrmac.errors import ConfigError, NotFoundError, StorageError
from osrmac.storage.listing import archives
from osrmac.storage.listing.collection import listing
from osrmac.storage.listing.skipped import Skipped
from osrmac.storage.location import Location
from osrmac.storage.reading.fetch import Fetcher
from tests.archives import tar_bytes
from tests.lists import ids, plan

MEMBERS = {"a.jpg": b"first", "cats/b.png": b"second", "notes.txt": b"-"}


def contents(rows: pa.Table) -> list[bytes | Exception]:
    return list(Fetcher()(rows["uri"].to_pylist()))


def test_members_of_an_archive_are_the_collection(tmp_path: Path) -> None:
    (tmp_path / "photos.tar").write_bytes(tar_bytes(MEMBERS))
    rows = plan(str(tmp_path / "photos.tar"))
    assert ids(rows) == ["a.jpg", "cats/b.png"]
    assert contents(rows) == [b"first", b"second"]
    assert rows["size"].to_pylist() == [5, 6]
    (mtime,) = set(rows["mtime"].to_pylist())
    assert mtime.timestamp() == pytest.approx((tmp_path / "photos.tar").stat().st_mtime, abs=1e-5)


def test_archives_in_a_folder_are_like_folders(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "1.TAR").write_bytes(tar_bytes(MEMBERS))
    (tmp_path / "2.tar").write_bytes(tar_bytes({"a.jpg": b"third"}))
    (tmp_path / "3.jpg").write_bytes(b"fourth")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "own.tar").write_bytes(tar_bytes(MEMBERS))
    skipped = Skipped()
    rows = pa.concat_tables(listing(Location.of(tmp_path), Location.of(tmp_path / "run"), skipped)).sort_by("id")
    assert ids(rows) == ["2.tar/a.jpg", "3.jpg", "x/1.TAR/a.jpg", "x/1.TAR/cats/b.png"]
    assert contents(rows) == [b"third", b"fourth", b"first", b"second"]
    assert skipped.counts == {".txt": 1}
    assert ids(plan(f"{tmp_path}/*.tar")) == ["2.tar/a.jpg"]


@pytest.mark.parametrize("name", ["a::b.tar", "#bytes=1-2.tar", "a?versionId=1.tar", "a b%20.tar", "caf\udce9.tar"])
def test_an_archive_may_have_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "bytes:" / "1+2"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(tar_bytes({"caf\udce9 1.jpg": b"first"}))
    rows = plan(str(tmp_path))
    assert contents(rows) == [b"first"]


def test_archives_in_a_bucket_are_read_in_parts(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fs = s3fs.S3FileSystem(version_aware=True)
    fs.call_s3("put_bucket_versioning", Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
    fs.pipe("archive/x/a.tar", tar_bytes(MEMBERS))
    first = fs.info("archive/x/a.tar")["VersionId"]
    fs.pipe("archive/x/a.tar", tar_bytes({"c.jpg": b"newer"}))
    rows = plan(f"{bucket}/x")
    assert (ids(rows), contents(rows)) == (["a.tar/c.jpg"], [b"newer"])
    assert rows["etag"].to_pylist() == [fs.info("archive/x/a.tar")["ETag"].strip('"')]
    rows = plan(f"{bucket}/x/a.tar?versionId={first}")
    assert (ids(rows), contents(rows)) == (["a.jpg", "cats/b.png"], [b"first", b"second"])


def test_an_archive_within_an_archive_is_read(tmp_path: Path) -> None:
    (tmp_path / "outer.tar").write_bytes(tar_bytes({"inner.tar": tar_bytes(MEMBERS)}))
    rows = plan(f"tar://inner.tar::{tmp_path}/outer.tar")
    assert contents(rows) == [b"first", b"second"]


def test_a_truncated_archive_costs_its_missing_members_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tar_bytes({f"{number}.jpg": bytes([number]) * 2000 for number in range(4)})
    (tmp_path / "cut.tar").write_bytes(archive[: 2 * 2560 + 1000])
    (tmp_path / "whole.tar").write_bytes(tar_bytes(MEMBERS))
    rows = plan(str(tmp_path))
    assert ids(rows) == [*(f"cut.tar/{number}.jpg" for number in range(3)), "whole.tar/a.jpg", "whole.tar/cats/b.png"]
    *whole, cut = contents(rows)[:3]
    assert whole == [bytes(2000), b"\1" * 2000]
    assert str(cut) == "the archive ends before the image does: 488 of 2000 bytes are there"
    (note,) = capsys.readouterr().err.splitlines()
    assert (
        note == f"{tmp_path}/cut.tar is damaged: unexpected end of data, after 3 members; images after them are missing"
    )


def test_what_is_no_archive_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.tar").write_text("<html>not found</html>")
    with pytest.raises(StorageError, match=r"cannot read .*page.tar: it is no tar archive"):
        plan(str(tmp_path / "page.tar"))
    (tmp_path / "a.jpg").write_bytes(b"")
    assert ids(plan(str(tmp_path))) == ["a.jpg"]
    assert f"passed over {tmp_path}/page.tar: it is no tar archive" in capsys.readouterr().err


def test_compressed_archives_are_passed_over_and_counted(tmp_path: Path) -> None:
    for name in ("a.tar.gz", "b.tgz"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(NotFoundError, match=r"1 \.tar\.gz \(unpack first\), 1 \.tgz \(unpack first\)"):
        plan(str(tmp_path))
    with pytest.raises(ConfigError, match=r"members of the compressed archive .*a\.tar\.gz .*: decompress it to \.tar"):
        plan(str(tmp_path / "a.tar.gz"))


def test_an_archive_without_images_is_no_collection(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_bytes({"1.txt": b""}))
    with pytest.raises(NotFoundError, match=r"no images in .*a\.tar: 1 \.txt"):
        plan(str(tmp_path / "a.tar"))


def test_large_archives_are_listed_in_several_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_ROWS", 2)
    (tmp_path / "a.tar").write_bytes(tar_bytes({f"{number}.jpg": b"" for number in range(5)}))
    tables = list(listing(Location.of(tmp_path / "a.tar")))
    assert [table.num_rows for table in tables] == [2, 2, 1]
