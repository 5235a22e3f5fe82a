import os
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from osrmac.config import FetchConfig
from osrmac.errors import StorageError
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.reading.fetch import Fetcher
from tests.lists import ids, plan, write_list


def test_ids_of_a_text_list_are_its_uris(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{photos}/b.jpg\n\n{photos}/gone.jpg\n")
    manifest = plan(str(tmp_path / "list.txt"))
    assert ids(manifest) == [f"{photos}/b.jpg", f"{photos}/gone.jpg"]
    assert manifest["size"].to_pylist() == [5, None]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_may_have_ids_and_versions(photos: Path, tmp_path: Path, suffix: str) -> None:
    table = pa.table({"uri": [f"{photos}/b.jpg", "s3://bucket/y.jpg"], "id": ["two", "one"], "etag": ["v2", "v1"]})
    if suffix == "csv":
        pyarrow.csv.write_csv(table, tmp_path / "list.csv")
    else:
        pq.write_table(table, tmp_path / "list.parquet")
    manifest = plan(str(tmp_path / f"list.{suffix}"))
    assert manifest.select(["id", "uri", "etag"]).to_pylist() == [
        {"id": "one", "uri": "s3://bucket/y.jpg", "etag": "v1"},
        {"id": "two", "uri": f"{photos}/b.jpg", "etag": "v2"},
    ]


@pytest.mark.parametrize("name", ["0001", "1e3", "1.0", "true", "2024-05-01", "NA", " 7"])
def test_ids_uris_and_etags_of_a_csv_file_are_taken_literally(tmp_path: Path, name: str) -> None:
    (tmp_path / "list.csv").write_text(f"id,uri,etag\n{name},{name}.5,{name}\n2,2.5,2\n")
    first, *_ = listing(Location.of(tmp_path / "list.csv"))
    uri = f"{tmp_path}/{name}.5"
    assert first.select(["id", "uri", "etag"]).to_pylist()[0] == {"id": name, "uri": uri, "etag": name}


def test_uris_that_look_like_numbers_are_taken_literally_where_they_are_the_ids(tmp_path: Path) -> None:
    for suffix in ("csv", "txt"):
        (tmp_path / f"list.{suffix}").write_text("uri\n" * (suffix == "csv") + "0001\n1\n")
        assert ids(plan(str(tmp_path / f"list.{suffix}"))) == ["0001", "1"]


def test_integer_ids_of_a_parquet_file_become_decimal_strings(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [7, 1000], "uri": ["a.jpg", "b.jpg"]}), tmp_path / "list.parquet")
    assert ids(plan(str(tmp_path / "list.parquet"))) == ["1000", "7"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("url\na.jpg\n", "no column 'uri'"),
        ("uri\n", "no images"),
        ("", "cannot read the list"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(StorageError, match=message) as caught:
        plan(str(tmp_path / "list.csv"))
    assert "\n" not in str(caught.value)


def test_a_list_may_have_percent_encoded_file_urls(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9 1.jpg")).write_bytes(b"four")
    (tmp_path / "list.txt").write_text(f"file://{tmp_path}/caf%E9%201.jpg\n")
    (row,) = plan(str(tmp_path / "list.txt")).to_pylist()
    assert row["size"] == 4
    assert Location.of(row["uri"]).read_bytes() == b"four"


def test_a_long_list_is_read_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osrmac.storage.listing.uri_list._BATCH", 1000)
    pq.write_table(pa.table({"uri": [f"s3://bucket/{number}" for number in range(2500)]}), tmp_path / "list.parquet")
    batches = list(listing(Location.of(tmp_path / "list.parquet")))
    assert [batch.num_rows for batch in batches] == [1000, 1000, 500]
    assert batches[2]["id"].to_pylist()[-1] == "s3://bucket/2499"


@pytest.mark.parametrize("suffix", ["txt", "csv", "parquet"])
def test_a_bad_line_is_a_row_that_cannot_be_fetched_and_refuses_no_list(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "good.jpg").write_bytes(b"good")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("member.jpg", b"member")
    bad = ["nope://x", f"zip://missing.jpg::{tmp_path}/a.zip", "zip://a.jpg::/no.zip", "no/where.jpg", "/" + "n" * 300]
    uris = [*bad, "http://[", "s3://", "::", "~", f"{tmp_path}/good.jpg", f"zip://member.jpg::{tmp_path}/a.zip"]
    rows = plan(write_list(tmp_path / f"list.{suffix}", {"uri": uris}))
    assert sorted(ids(rows)) == sorted(uris)
    found = dict(zip(ids(rows), Fetcher(FetchConfig(attempts=1))(rows["uri"].to_pylist()), strict=True))
    good = {uri for uri, content in found.items() if isinstance(content, bytes)}
    assert good == set(uris[-2:])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_row_without_an_id_has_its_uri_as_the_id_and_none_is_dropped(tmp_path: Path, suffix: str) -> None:
    columns = {"id": ["one", None, None, "four"], "uri": ["/a.jpg", "/b.jpg", None, None]}
    rows = plan(write_list(tmp_path / f"list.{suffix}", columns))
    assert {row["id"]: row["uri"] for row in rows.to_pylist()} == {
        "one": "/a.jpg",
        "/b.jpg": "/b.jpg",
        "row 3": "",
        "four": "",
    }
    (found,) = Fetcher()([""])
    assert str(found) == "there is no path or URL of the file"


def test_a_line_of_a_csv_file_with_too_many_or_too_few_values_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("id,uri\none,/a.jpg\ntwo,/b,c.jpg\nthree\nfour,/d.jpg\n")
    rows = {row["id"]: row["uri"] for row in plan(str(tmp_path / "list.csv")).to_pylist()}
    assert rows.keys() == {"one", "two,/b,c.jpg", "three", "four"}
    assert (rows["one"], rows["four"]) == ("/a.jpg", "/d.jpg")


@pytest.mark.parametrize("suffix", ["txt", "csv"])
def test_a_line_that_is_not_utf_8_names_the_file_of_these_bytes(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9 1.jpg")
    file.write_bytes(b"four")
    lines = b"uri\n" * (suffix == "csv") + os.fsencode(file) + b"\n/plain.jpg\n"
    (tmp_path / f"list.{suffix}").write_bytes(lines)
    plain, odd = plan(str(tmp_path / f"list.{suffix}")).to_pylist()
    assert plain["id"] == plain["uri"] == "/plain.jpg"
    assert odd["id"] == f"{tmp_path}/caf\\xe9 1.jpg"
    assert odd["size"] == 4
    assert list(Fetcher()([odd["uri"]])) == [b"four"]


def test_a_column_that_is_no_text_refuses_the_list_in_one_line(tmp_path: Path) -> None:
    write_list(tmp_path / "list.parquet", {"uri": ["/a.jpg"], "id": [{"a": 1}]})
    with pytest.raises(StorageError, match=r"column 'id' of the list .* has the type struct<a: int64>: make it text"):
        plan(str(tmp_path / "list.parquet"))


def test_the_users_own_columns_of_a_csv_file_are_text_as_it_is_written(tmp_path: Path) -> None:
    lines = ["uri,number,title", '/a.jpg,0001,"The ""Tower"", 1', 'and 2"', "/b.jpg,1e3,", "/c.jpg", "/d.jpg,=1+1, x "]
    (tmp_path / "list.csv").write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode() + b"\n/e.jpg,caf\xe9,\n")
    rows = {row["id"]: (row["number"], row["title"]) for row in plan(str(tmp_path / "list.csv")).to_pylist()}
    assert rows == {
        "/a.jpg": ("0001", 'The "Tower", 1\nand 2'),
        "/b.jpg": ("1e3", None),
        "/c.jpg": (None, None),
        "/d.jpg": ("=1+1", " x "),
        "/e.jpg": ("caf\\xe9", None),
    }


def test_the_users_own_columns_of_a_parquet_file_keep_plain_types(tmp_path: Path) -> None:
    columns = {"uri": ["/a.jpg", "/b.jpg"], "year": pa.array([1901, None], pa.int16()), "shown": [True, False]}
    rows = plan(write_list(tmp_path / "list.parquet", columns))
    assert rows.schema.names[5:] == ["year", "shown"]
    assert rows["year"].type == pa.int64()
    assert (rows["year"].to_pylist(), rows["shown"].to_pylist()) == ([1901, None], [True, False])


def test_columns_that_cannot_be_kept_are_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"uri": ["/a.jpg", "/b.jpg"], "image": [b"1", b"2"], "Width": [3, 4], "tags": [["a"], []], "year": [1, 2]}
    file = write_list(tmp_path / "list.parquet", columns)
    assert plan(file).schema.names[5:] == ["year"]
    assert capsys.readouterr().err == (
        f"not kept of {file}: column image, of type binary; column Width, a name that osrmac uses: rename it to keep "
        "it; column tags, of type list<element: string>\n"
    )


def test_an_index_of_pandas_and_repeated_names_refuse_no_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text(",uri,title,title,year\n0,/a.jpg,A,B,1901\n")
    assert plan(str(tmp_path / "list.csv")).schema.names[5:] == ["year"]
    assert "a column without a name; column title, as the name is there twice" in capsys.readouterr().err


def test_columns_of_a_long_csv_file_are_not_inferred(tmp_path: Path) -> None:
    many = "".join(f"/{number}.jpg,{number}\n" for number in range(100_000))
    (tmp_path / "list.csv").write_text(f"uri,year\n{many}/b.jpg,unknown\n")
    rows = plan(str(tmp_path / "list.csv"))
    assert rows.num_rows == 100_001
    assert rows["year"].to_pylist()[-1] == "unknown"


def test_names_of_columns_that_are_not_utf_8_refuse_the_list_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"uri,caf\xe9\n/a.jpg,1\n")
    with pytest.raises(StorageError, match="cannot read the list") as caught:
        plan(str(tmp_path / "list.csv"))
    assert "\n" not in str(caught.value)


def test_a_path_is_relative_to_the_folder_of_its_list_or_else_to_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for file in (here / "both.jpg", here / "current.jpg", there / "both.jpg", there / "sub" / "beside.jpg"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(file))
    (there / "list.txt").write_text("both.jpg\n./current.jpg\nsub/beside.jpg\nmissing.jpg\n")
    monkeypatch.chdir(here)
    rows = {row["id"]: row for row in plan("../there/list.txt").to_pylist()}
    assert {name: row["uri"] for name, row in rows.items()} == {
        "both.jpg": f"{there}/both.jpg",
        "./current.jpg": f"{here}/current.jpg",
        "sub/beside.jpg": f"{there}/sub/beside.jpg",
        "missing.jpg": f"{there}/missing.jpg",
    }
    assert rows["sub/beside.jpg"]["size"] == len(f"{there}/sub/beside.jpg")


def test_a_data_uri_is_no_path(tmp_path: Path) -> None:
    rows = plan(write_list(tmp_path / "list.csv", {"uri": ["data:image/png;base64,YQ=="]}))
    assert rows["uri"].to_pylist() == ["data:image/png;base64,YQ=="]
    assert list(Fetcher()(rows["uri"].to_pylist())) == [b"a"]
