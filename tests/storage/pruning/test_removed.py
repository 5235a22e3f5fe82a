import hashlib

import pyarrow as pa
import pytest

from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.pruning import removed


def column(*texts: str) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


def digests(folder: Location) -> list[list[bytes]]:
    return [table["digest"].to_pylist() for table in removed.read(folder)]


def of(*texts: str) -> list[bytes]:
    return sorted(hashlib.sha256(text.encode()).digest() for text in texts)


def test_digests_are_sorted_and_kept_once(folder: Location) -> None:
    assert digests(folder) == []
    removed.remember(folder, column("a.jpg", "ü.jpg"), column("/photos/a.jpg", "/photos/ü.jpg"))
    removed.remember(folder, column("a.jpg", "c.jpg"), column("c.jpg"))
    assert digests(folder) == [of("a.jpg", "ü.jpg", "/photos/a.jpg", "/photos/ü.jpg", "c.jpg")]


def test_no_name_is_stored(folder: Location) -> None:
    removed.remember(folder, column("ada-lovelace.jpg"))
    (part,) = shards.paths(folder)
    assert b"lovelace" not in part.read_bytes()


def test_a_full_part_is_followed_by_another(folder: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removed, "_PART_ROWS", 2)
    for name in "abc":
        removed.remember(folder, column(name))
    assert [part.name for part in shards.paths(folder)] == ["part-00000.parquet", "part-00001.parquet"]
    assert digests(folder) == [of("a", "b"), of("c")]
    removed.forget(folder, column("c", "b"))
    assert digests(folder) == [of("a")]


def test_a_url_with_credentials_is_known_without_them(folder: Location) -> None:
    removed.remember(folder, column("https://ada:secret@example.org/a.jpg"))
    assert digests(folder) == [of("https://ada:secret@example.org/a.jpg", "https://example.org/a.jpg")]
