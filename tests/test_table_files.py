"""CSV and XLSX files, read back by pyarrow, and by zipfile and an XML parser."""

import csv
import datetime
import io
import re
import sys
import zipfile
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from osrmac import table_files as module
from osrmac.errors import ConfigError
from osrmac.table_files import Value, csv_bytes, parquet_bytes, plain_text, table_bytes, writing, xlsx_bytes

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
DANGEROUS = "=+-@\t\r"

TEXTS = st.text(
    st.sampled_from(DANGEROUS + "\uff1d\uff0b\uff0d\uff20\n;,'\" \x00\x0b\x1f\ufeffaé1_x0"), max_size=8
) | st.text(max_size=8)


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def read_xlsx(content: bytes) -> list[dict[str, tuple[str, str]]]:
    """Return for each row its cells by column: the type of a cell, and its content."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        names = book.namelist()
        shared = (
            [_text(item) for item in ElementTree.fromstring(book.read("xl/sharedStrings.xml"))]
            if "xl/sharedStrings.xml" in names
            else []
        )
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        assert not any(b"hyperlink" in book.read(name) for name in names if name.endswith(".rels"))
    assert not list(sheet.iter(f"{MAIN}f"))
    rows = []
    for row in sheet.iter(f"{MAIN}row"):
        cells = {}
        for cell in row:
            column, kind = re.sub(r"\d", "", cell.attrib["r"]), cell.attrib.get("t", "n")
            value = cell.findtext(f"{MAIN}v") or ""
            cells[column] = (kind, shared[int(value)] if kind == "s" else value)
        rows.append(cells)
    return rows


def _text(item: ElementTree.Element) -> str:
    """Return a shared string; characters that XML does not permit are written as _xHHHH_ (ECMA-376, 22.4.2.4)."""
    text = "".join(item.itertext())
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


@given(st.lists(TEXTS, max_size=4))
@example(["\x00\r="])
def test_no_cell_of_a_csv_file_starts_a_formula_and_all_can_be_read_back(texts: list[str]) -> None:
    content = csv_bytes(["text"], [[text] for text in texts])
    cells = [row[0] if row else "" for row in read_csv(content)[1:]]
    assert [plain_text(cell) for cell in cells] == texts
    for cell in cells:
        assert not cell.startswith(tuple(DANGEROUS))
        assert not cell.lstrip().startswith(tuple(DANGEROUS))
        # As read in Germany, where a semicolon separates cells.
        assert not any(part.strip().startswith(tuple(DANGEROUS)) for part in re.split(r"[;\t\r\n]", cell))


@given(st.lists(st.floats(allow_infinity=False) | st.integers(-(2**53), 2**53), min_size=1, max_size=4))
def test_numbers_of_a_csv_file_stay_numbers(numbers: list[float]) -> None:
    (_, cells) = read_csv(csv_bytes([str(n) for n in range(len(numbers))], [numbers]))
    for number, cell in zip(numbers, cells, strict=True):
        assert float(cell or "nan") == number or number != number  # noqa: PLR0124


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_texts_of_an_xlsx_file_are_texts(texts: list[str]) -> None:
    _, *rows = read_xlsx(xlsx_bytes(["text"], [[text] for text in texts]))
    assert [cells["A"] for cells in rows] == [("s", text) for text in texts]


def test_values_are_written_by_their_type() -> None:
    time = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)
    values: list[Value] = ["=SUM(A1)", "0012", "http://a.b/c", -1.5, 3, True, None, float("nan"), float("inf"), time]
    columns = [f"c{number}" for number in range(len(values))]
    heading, cells = read_csv(csv_bytes(columns, [values]))
    assert heading == columns
    assert cells == [
        "'=SUM(A1)",
        "0012",
        "http://a.b/c",
        "-1.5",
        "3",
        "true",
        "",
        "",
        "inf",
        "2020-01-02T00:00:00+00:00",
    ]
    first, row = read_xlsx(xlsx_bytes(columns, [values]))
    assert first == {chr(65 + n): ("s", name) for n, name in enumerate(columns)}
    assert row == {
        "A": ("s", "=SUM(A1)"),
        "B": ("s", "0012"),
        "C": ("s", "http://a.b/c"),
        "D": ("n", "-1.5"),
        "E": ("n", "3"),
        "F": ("s", "true"),
        "I": ("s", "inf"),
        "J": ("s", "2020-01-02T00:00:00+00:00"),
    }


def test_headings_are_texts_too() -> None:
    assert csv_bytes(["=a"], []) == b"'=a\n"
    assert read_xlsx(xlsx_bytes(["=a"], [])) == [{"A": ("s", "=a")}]


def test_other_programs_read_the_csv_file() -> None:
    content = csv_bytes(["id", "distance"], [['a"b,c', 0.5], ["ü\n", -1.0]])
    table = pa.csv.read_csv(io.BytesIO(content), parse_options=pa.csv.ParseOptions(newlines_in_values=True))
    assert table.to_pydict() == {"id": ['a"b,c', "ü\n"], "distance": [0.5, -1.0]}


def test_parquet_has_every_value_as_it_is() -> None:
    time = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)
    rows: list[list[Value]] = [["=a", 0.5, 1, True, time], [None, 1, 2, False, None]]
    table = pq.read_table(io.BytesIO(parquet_bytes(["id", "a", "b", "c", "d"], rows)))
    assert table.to_pylist() == [
        {"id": "=a", "a": 0.5, "b": 1, "c": True, "d": time},
        {"id": None, "a": 1.0, "b": 2, "c": False, "d": None},
    ]
    assert pq.read_table(io.BytesIO(table_bytes(".parquet", ["id"], []))).column_names == ["id"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_is_written_some_rows_at_a_time(suffix: str) -> None:
    file = io.BytesIO()
    with writing(suffix, file, {"id": str, "rank": int, "tied": bool, "score": float}) as write:
        write([["=a", 1, True, 0.5], ["b", None, None, None]])
        write([["c", 2, False, None]])
    if suffix == ".csv":
        assert file.getvalue() == b"id,rank,tied,score\n'=a,1,true,0.5\nb,,,\nc,2,false,\n"
        return
    read = pq.ParquetFile(file)
    assert read.num_row_groups == 2
    assert [str(field.type) for field in read.schema_arrow] == ["string", "int64", "bool", "double"]
    assert read.read().to_pydict() == {
        "id": ["=a", "b", "c"],
        "rank": [1, None, 2],
        "tied": [True, None, False],
        "score": [0.5, None, None],
    }


def test_the_suffix_decides() -> None:
    assert table_bytes(".csv", ["a"], [[1]]) == b"a\n1\n"
    assert read_xlsx(table_bytes(".xlsx", ["a"], [[1]])) == [{"A": ("s", "a")}, {"A": ("n", "1")}]


def test_what_excel_cannot_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert xlsx_bytes(["a"], [["x" * 32_767]])
    with pytest.raises(ConfigError, match=r"at most 32,767 characters: write \.csv"):
        xlsx_bytes(["a"], [["x" * 32_768]])
    monkeypatch.setattr(module, "_XLSX_ROWS", 3)
    assert xlsx_bytes(["a"], [[1], [2]])
    with pytest.raises(ConfigError, match=r"at most 3 rows: write \.csv"):
        xlsx_bytes(["a"], [[1], [2], [3]])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ConfigError, match=r"pip install 'osrmac\[xlsx\]'"):
        xlsx_bytes(["a"], [])
