from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from osrmac.errors import DamagedFileError
from osrmac.runs.index.stored import (
    IndexedShard,
    IndexPart,
    StoredIndex,
    load_index,
    split_keys,
    to_keys,
    write_index,
)
from osrmac.storage.run import Run

INDEX = StoredIndex(
    reduction="a1",
    space="l2",
    factory="IVF4,PQ2",
    quantizer="quantizer.faiss",
    quantizer_digest="b2",
    trained_on=100,
    trained_for=200,
    parts=(
        IndexPart("one", "c3", (IndexedShard(0, "a.parquet", 0, 10), IndexedShard(1, "b.parquet", 2, 20))),
        IndexPart("two", "d4", (IndexedShard(4, "c.parquet", 0, 5),)),
    ),
)


def test_an_index_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = Run(str(tmp_path / "run"))
    assert load_index(run, "pfa") is None
    write_index(run, "pfa", INDEX)
    assert load_index(run, "pfa") == INDEX
    assert load_index(run, "other") is None
    assert INDEX.images == 35


def test_another_content_is_damage(tmp_path: Path) -> None:
    run = Run(str(tmp_path / "run"))
    (run.index("pfa") / "index.json").write_json({"parts": [{"file": "one"}]})
    with pytest.raises(DamagedFileError, match=r"index\.json"):
        load_index(run, "pfa")


def test_a_changed_or_missing_shard_is_not_covered() -> None:
    found = INDEX.current({"a.parquet": 0, "b.parquet": 3, "new.parquet": 0})
    assert found == {0: IndexedShard(0, "a.parquet", 0, 10)}


def test_keys_hold_large_numbers_of_shards_and_rows() -> None:
    keys = np.concatenate([to_keys(1_000_000, 2), to_keys(0, 1), [-1]])
    numbers, rows = split_keys(keys)
    assert numbers.tolist() == [1_000_000, 1_000_000, 0, -1]
    assert rows.tolist() == [0, 1, 0, -1]
    assert to_keys(7, 3)[2] == (7 << 32) + 2
