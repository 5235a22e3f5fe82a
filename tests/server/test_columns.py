from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from osrmac.errors import OsrmacError
from osrmac.server.columns import Columns, Facet, no_columns, read_columns


def csv_file(folder: Path, content: bytes | str) -> str:
    file = folder / "own.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def test_a_table_of_excel_is_read_as_it_is_written(tmp_path: Path) -> None:
    text = '\ufeffid,inventory,title\r\na.jpg,00012,"The ""Tower"", 1\r\nand 2"\r\nb.jpg,1e5,\r\n\r\n'
    columns = read_columns(csv_file(tmp_path, text))
    assert columns.names == ["inventory", "title"]
    assert columns.of("a.jpg") == {"inventory": "00012", "title": 'The "Tower", 1\r\nand 2'}
    assert columns.of("b.jpg") == {"inventory": "1e5"}
    assert columns.of("c.jpg") == {}


def test_values_of_parquet_become_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "year": pa.array([1901, None], pa.int16()),
            "id": pa.array(["a", "b"], pa.large_string()),
            "kind": pa.array(["oil", "ink"]).dictionary_encode(),
            "tags": [["x", "y"], None],
            "shown": [True, False],
        }
    )
    pq.write_table(table, tmp_path / "own.parquet")
    columns = read_columns(str(tmp_path / "own.parquet"))
    assert columns.of("a") == {"year": "1901", "kind": "oil", "tags": "['x', 'y']", "shown": "true"}
    assert columns.of("b") == {"kind": "ink", "shown": "false"}
    assert columns.matching((("year", "1901"),)) == {"a"}


def test_few_values_are_chosen_and_many_contain_a_text() -> None:
    ids = [f"{number:03d}" for number in range(100)]
    table = pa.table({"id": ids, "many": [f"Title {name}" for name in ids], "few": ["Oil", "ink", ""] * 33 + [None]})
    columns = Columns(table)
    assert columns.facets == [Facet("many", None), Facet("few", ("Oil", "ink"))]
    assert columns.matching((("few", "oIL"),)) == set(ids[:99:3])
    assert columns.matching((("many", "TITLE 01"),)) == set(ids[10:20])
    assert columns.matching((("few", "ink"), ("many", "01"))) == {"001", "010", "013", "016", "019"}
    assert columns.matching((("few", "il"),)) == frozenset()
    assert columns.matching((("many", ".*%"),)) == frozenset()


def test_without_a_file_there_are_no_columns() -> None:
    columns = read_columns(None)
    assert (columns.names, columns.facets, columns.of("a")) == ([], [], {})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, "no file .*gone.csv: --columns takes a .csv or .parquet file with a column id"),
        ("own.txt", b"id\n", "is neither a .csv nor a .parquet file"),
        ("own.csv", b"", "has no column id"),
        ("own.csv", b"ID,title\na,b\n", "has no column id, only ID, title"),
        ("own.csv", b"id,title\na,b\na,c\nb,d\nb,e\n", "has 2 ids more than once, first a"),
        ("own.csv", b"id,title\na\n", "line 2 has 1 values, but there are 2 columns"),
        ("own.csv", b"id,title\na,b,c\n", "line 2 has 3 values, but there are 2 columns"),
        ("own.csv", b"id,title,title\na,b,c\n", "two columns of one name: id, title, title"),
        ("own.csv", b"id,title\na,caf\xe9\n", "cannot be read: UnicodeDecodeError"),
        ("own.csv", b"id,title\na," + b"x" * 200_000 + b"\n", "cannot be read: Error: field larger"),
        ("own.parquet", b"no Parquet", "cannot be read: Arrow"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(OsrmacError, match=message) as caught:
        read_columns(str(tmp_path / name))
    assert caught.value.exit_status == 2
    assert "\n" not in str(caught.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.csv").mkdir()
    with pytest.raises(OsrmacError, match=r"own\.csv"):
        read_columns(str(tmp_path / "own.csv"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"id": ["a", None]}), "1 rows without an id"),
        (pa.table({"id": ["a"], "bytes": [b"\xff\xfe"]}), "values that are no text"),
    ],
)
def test_values_of_parquet_that_are_no_text_are_refused(table: pa.Table, message: str, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "own.parquet")
    with pytest.raises(OsrmacError, match=message):
        read_columns(str(tmp_path / "own.parquet"))


def test_columns_of_a_file_stand_beside_those_of_the_run_or_in_their_place() -> None:
    run = pa.table({"id": ["a", "b"], "title": ["A", "B"], "Year": [1901, None]})
    file = Columns(pa.table({"id": ["c", "a"], "year": ["c. 1", "1902"], "licence": ["CC0", None]}))
    both = file.beside(run)
    assert both.names == ["title", "year", "licence"]
    assert [both.of(image) for image in "abc"] == [
        {"title": "A", "year": "1902"},
        {"title": "B"},
        {"year": "c. 1", "licence": "CC0"},
    ]
    assert both.matching((("title", "b"),)) == {"b"}
    assert no_columns().beside(run).of("a") == {"title": "A", "Year": "1901"}
    assert file.beside(run.slice(0, 0)).of("c") == {"year": "c. 1", "licence": "CC0"}
