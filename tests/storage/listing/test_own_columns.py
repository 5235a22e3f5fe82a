import datetime
import decimal

import pyarrow as pa
import pytest

from osrmac.storage import schema
from osrmac.storage.listing.own_columns import RESERVED, as_text, common_type, own_columns, own_names
from tests.documents import ROOT

NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)


def kept(column: pa.Array) -> pa.ChunkedArray | None:
    """The column as it is kept, None if it is left out."""
    table = pa.table({"uri": [None] * len(column), "own": column})
    own = own_columns(table.schema, {"uri"})
    return own.of(table)["own"] if own.schema.names else None


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        (pa.array(["0001", None, ""]), pa.array(["0001", None, ""])),
        (pa.array(["a"], pa.large_string()), pa.array(["a"])),
        (pa.array(["a"], pa.string_view()), pa.array(["a"])),
        (pa.array(["a", None]).dictionary_encode(), pa.array(["a", None])),
        (pa.array([7, 7]).dictionary_encode(), pa.array([7, 7])),
        (pa.array([None, None]), pa.array([None, None], pa.string())),
        (pa.array([True, None]), pa.array([True, None])),
        (pa.array([1901, None], pa.int16()), pa.array([1901, None], pa.int64())),
        (pa.array([2**64 - 1], pa.uint64()), pa.array(["18446744073709551615"])),
        (pa.array([0.5], pa.float32()), pa.array([0.5], pa.float64())),
        (pa.array([0.5], pa.float16()), pa.array([0.5], pa.float64())),
        (pa.array([decimal.Decimal("1.50")]), pa.array(["1.50"])),
        (pa.array([NOON.date()], pa.date64()), pa.array([NOON.date()], pa.date32())),
        (pa.array([NOON.time()]), pa.array(["12:00:00.000000"])),
        (pa.array([1500], pa.timestamp("ns")), pa.array([1], pa.timestamp("us"))),
        (pa.array([NOON], pa.timestamp("s", "Europe/Berlin")), pa.array([NOON], pa.timestamp("us", "UTC"))),
        (pa.array([b"image"]), None),
        (pa.array([b"four"], pa.binary(4)), None),
        (pa.array([["a", "b"]]), None),
        (pa.array([{"bytes": b"image"}]), None),
    ],
)
def test_columns_are_kept_in_few_types(column: pa.Array, stored: pa.Array | None) -> None:
    found = kept(column)
    assert (found is None) == (stored is None)
    if found is not None:
        assert found.combine_chunks() == stored
        assert found.type == stored.type


def test_what_is_left_out_is_named_with_the_reason() -> None:
    names = ["uri", "Width", "image", "title", "Title", "", "year"]
    columns = pa.schema(zip(names, [pa.string(), pa.int64(), pa.binary(), *[pa.string()] * 4], strict=True))
    own = own_columns(columns, {"uri"})
    assert own.schema.names == ["year"]
    assert own.left_out == (
        "column Width, a name that osrmac uses: rename it to keep it",
        "column image, of type binary",
        "column title, as the name is there twice",
        "column Title, as the name is there twice",
        "a column without a name",
    )


def test_columns_that_a_table_lacks_are_null() -> None:
    own = own_columns(pa.schema([("year", pa.int16())]), ())
    assert own.of(pa.table({"uri": ["a", "b"]})).to_pydict() == {"year": [None, None]}


def test_bytes_are_texts_without_credentials() -> None:
    own = own_columns(pa.schema([("source", pa.string())]), ())
    values = [b"caf\xe9", b"see https://me:secret@example.org/a?page=2.", b"https://example.org/?a=1", None]
    invalid = pa.StringArray.from_buffers(1, pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0])), pa.py_buffer(b"\xe9"))
    assert own.of(pa.table({"source": pa.array(values, pa.binary())}))["source"].to_pylist() == [
        "caf\\xe9",
        "see https://example.org/a?page=2.",
        "https://example.org/?a=1",
        None,
    ]
    assert own.of(pa.table({"source": invalid}))["source"].to_pylist() == ["\\xe9"]


def test_types_that_differ_are_text() -> None:
    assert common_type([pa.int64(), pa.int64()]) == pa.int64()
    assert common_type([pa.int64(), pa.float64()]) == pa.string()
    stored = [pa.array([value]) for value in (True, 5, 0.5, NOON.date(), NOON)]
    assert [as_text(pa.chunked_array([values]))[0].as_py() for values in stored] == [
        "true",
        "5",
        "0.5",
        "2024-05-01",
        "2024-05-01 12:00:00.000000Z",
    ]


def test_own_columns_are_told_from_those_of_osrmac() -> None:
    planned = schema.manifest(schema.QUERIES)
    assert own_names([*planned.names, "title", "ID"]) == ["title"]
    assert {name.lower() for name in RESERVED} == RESERVED


def test_the_names_that_osrmac_uses_are_documented() -> None:
    page = (ROOT / "docs" / "photos.md").read_text()
    assert [name for name in RESERVED if f"`{name}`" not in page] == []
