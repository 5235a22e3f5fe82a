from pathlib import Path

import numpy as np
import pytest

from osrmac.errors import NotFoundError, StorageError
from osrmac.runs.batches import chunks
from osrmac.runs.batches.chunks import Chunk, chunk_size, list_chunks, run_chunks
from osrmac.runs.methods import Method
from osrmac.runs.shard_reader import list_shards
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

SINGLE = Method("single", "single", ("single",))
IDS = [f"{number}.jpg" for number in range(7)]
VECTORS = {name: [float(number), 1.0] for number, name in enumerate(IDS)}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": VECTORS}, failed={"broken.jpg": ("decode", "empty")}, rows_per_shard=3)


def names(found: list[Chunk]) -> list[list[str]]:
    return [[query.name for query in chunk.queries] for chunk in found]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_the_images_of_a_run_are_in_chunks_of_a_size(run: Run, size: int) -> None:
    found = list(run_chunks(run, SINGLE, size))
    assert [len(part) for part in names(found)] == [min(size, 7 - start) for start in range(0, 7, size)]
    assert sorted(name for part in names(found) for name in part) == IDS
    for chunk in found:
        np.testing.assert_array_equal(chunk.vectors[0], [VECTORS[query.name] for query in chunk.queries])
        assert not chunk.errors


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_query_without_vectors_is_an_error_of_its_own(run: Run, size: int) -> None:
    given = ["4.jpg", "broken.jpg", "gone.jpg", "1.jpg", "4.jpg"]
    found = list(list_chunks(run, SINGLE, given, size, list_shards(run)))
    assert [name for part in names(found) for name in part] == given
    errors = {chunk.queries[row].name: error for chunk in found for row, error in chunk.errors.items()}
    assert {name: type(error) for name, error in errors.items()} == {
        "broken.jpg": StorageError,
        "gone.jpg": NotFoundError,
    }
    rows = [row for chunk in found if chunk.vectors for row in chunk.vectors[0].tolist()]
    assert rows == [[4, 1], [1, 1], [4, 1]]


def test_such_a_query_ends_a_strict_search(run: Run) -> None:
    with pytest.raises(StorageError, match=r"broken\.jpg has no descriptor"):
        next(list_chunks(run, SINGLE, ["1.jpg", "broken.jpg"], 5, list_shards(run), strict=True))


def test_longer_results_make_smaller_chunks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chunk_size(run, SINGLE, 10) == 250_000_000 // (8 + 10_000)
    assert chunk_size(run, SINGLE, 1000) < chunk_size(run, SINGLE, 10) // 99
    monkeypatch.setattr(chunks, "_CHUNK", 1)
    assert chunk_size(run, SINGLE, 10) == 1
