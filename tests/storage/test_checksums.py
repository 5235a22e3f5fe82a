import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.storage import checksums

VALUES: dict[str, Any] = {"name": "Zürich", "share": 0.1, "nested": {"b": [1, None], "a": True}}


def parquet(metadata: dict[str, str]) -> bytes:
    """A small Parquet file."""
    buffer = pa.BufferOutputStream()
    table = pa.table({"id": ["a", "b"]}).replace_schema_metadata({"key": "value"})
    with pq.ParquetWriter(buffer, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(metadata)
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def flipped(content: bytes, bit: int) -> bytes:
    """The same content with one bit inverted."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_flipped_bit_of_a_parquet_file_is_found_except_in_the_name_of_the_digest() -> None:
    content = checksums.parquet_with_digest(parquet(checksums.PARQUET_METADATA))
    assert checksums.parquet_is_intact(content)
    missed = {bit // 8 for bit in range(8 * len(content)) if checksums.parquet_is_intact(flipped(content, bit))}
    name = content.rindex(b"osrmac.sha256")
    assert missed <= set(range(name, name + len(b"osrmac.sha256") + 2))


def test_the_digest_is_part_of_a_readable_file() -> None:
    content = checksums.parquet_with_digest(parquet(checksums.PARQUET_METADATA))
    assert pq.read_table(pa.BufferReader(content)).to_pydict() == {"id": ["a", "b"]}
    assert len(pq.read_metadata(pa.BufferReader(content)).metadata[b"osrmac.sha256"]) == 64
    assert pq.read_schema(pa.BufferReader(content)).metadata == {b"key": b"value"}


def test_files_without_a_digest_are_intact() -> None:
    assert checksums.parquet_is_intact(parquet({}))
    assert checksums.object_without_digest(VALUES) == VALUES
    assert checksums.object_without_digest({}) == {}
    assert checksums.text_is_intact(b"<html></html>")


def test_an_object_is_read_back_without_its_digest() -> None:
    stored = checksums.object_with_digest(VALUES)
    assert list(stored) == [*VALUES, "sha256"]
    assert checksums.object_without_digest(json.loads(json.dumps(stored, indent=7))) == VALUES


def test_every_flipped_bit_of_an_object_is_found_or_changes_no_value() -> None:
    content = json.dumps(checksums.object_with_digest(VALUES), ensure_ascii=False).encode()
    found = 0
    for bit in range(8 * len(content)):
        try:
            assert checksums.object_without_digest(json.loads(flipped(content, bit))) == VALUES
        except ValueError:  # not JSON, or other values
            found += 1
    assert found > 7 * len(content)


@given(st.text())
def test_a_text_has_its_digest_in_a_comment(text: str) -> None:
    content = checksums.text_with_digest(text)
    assert content.startswith(text.encode())
    assert checksums.text_is_intact(content)
    assert not checksums.text_is_intact(b"x" + content)


def test_a_changed_object_is_refused() -> None:
    with pytest.raises(ValueError, match="digest"):
        checksums.object_without_digest(checksums.object_with_digest(VALUES) | {"share": 0.2})
