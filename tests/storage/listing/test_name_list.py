from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from osrmac.errors import ConfigError, NotFoundError, StorageError
from osrmac.storage.listing.name_list import read_names
from osrmac.storage.location import Location
from osrmac.table_files import csv_bytes


def names(file: Path) -> list[str]:
    return list(chain.from_iterable(read_names(Location.of(file))))


def test_lines_are_names(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa.jpg\r\n\n  b c.jpg\ncaf\xe9.jpg\n")
    assert names(tmp_path / "a.txt") == ["a.jpg", "b c.jpg", "caf\\xe9.jpg"]


def test_a_column_of_ids_comes_before_one_of_uris(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("uri,id\n/a.jpg,0001\n/b.jpg,\n")
    (tmp_path / "b.csv").write_text("uri,note\n/a.jpg,1\n")
    assert names(tmp_path / "a.csv") == ["0001"]
    assert names(tmp_path / "b.csv") == ["/a.jpg"]


def test_names_that_were_written_as_text_are_read_as_they_were(tmp_path: Path) -> None:
    ids = ["=1+1.jpg", "-a.jpg", "'tis.jpg", "'=b.jpg"]
    (tmp_path / "a.csv").write_bytes(csv_bytes(["id"], [[name] for name in ids]))
    assert names(tmp_path / "a.csv") == ids


def test_images_that_the_list_of_near_duplicates_keeps_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("group,action,id\n1,keep,a.jpg\n1,remove,b.jpg\n2,,c.jpg\n")
    assert names(tmp_path / "a.csv") == ["b.jpg", "c.jpg"]


def test_numbers_in_parquet_are_their_decimal_strings(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, None, 20]}), tmp_path / "a.parquet")
    assert names(tmp_path / "a.parquet") == ["1", "20"]


def test_lists_that_name_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name\na.jpg\n")
    with pytest.raises(StorageError, match="has no column 'id' or 'uri', only name"):
        names(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("id\na,b\n")
    with pytest.raises(StorageError, match=r"^cannot access .*b.csv: ArrowInvalid: "):
        names(tmp_path / "b.csv")
    (tmp_path / "a.txt").write_text("\n")
    with pytest.raises(ConfigError, match="names no image"):
        names(tmp_path / "a.txt")
    with pytest.raises(ConfigError, match=r"is no list of images: name a .txt, .csv or .parquet file"):
        names(tmp_path / "a.jpg")
    with pytest.raises(NotFoundError, match="no list"):
        names(tmp_path / "nowhere.txt")
