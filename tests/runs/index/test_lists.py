from pathlib import Path

import faiss
import numpy as np

from osrmac.runs.index.lists import encode, without_shards
from osrmac.runs.index.quantizer import load_quantizer, train_quantizer
from osrmac.runs.index.stored import to_keys
from osrmac.storage.location import Location
from tests.indexes import keys_in, lists_of

VECTORS = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
QUANTIZER = train_quantizer(VECTORS, "IVF4,PQ2x4", threads=1)
SHARDS = [(0, VECTORS[:100]), (2, VECTORS[:0]), (7, VECTORS[100:250]), (8, VECTORS[250:])]
PART = encode(load_quantizer(QUANTIZER), SHARDS)


def test_a_part_has_the_keys_of_its_shards_and_not_the_quantizer(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(PART)
    lists = lists_of(Location.of(tmp_path / "part"))
    assert isinstance(lists, faiss.OnDiskInvertedLists)
    expected = [to_keys(number, len(vectors)) for number, vectors in SHARDS]
    assert keys_in(lists).tolist() == np.concatenate(expected).tolist()
    assert len(PART) < 300 * (8 + 1) + 100
    assert encode(load_quantizer(QUANTIZER), SHARDS) == PART


def test_parts_that_are_joined_find_what_one_index_finds(tmp_path: Path) -> None:
    parts = []
    for number, shards in enumerate((SHARDS[:1], SHARDS[1:])):
        (tmp_path / str(number)).write_bytes(encode(load_quantizer(QUANTIZER), shards))
        parts.append(lists_of(Location.of(tmp_path / str(number))))
    pointers = faiss.InvertedListsPtrVector()  # type: ignore[attr-defined]  # missing in its stubs
    for part in parts:
        pointers.push_back(part)
    joined = faiss.HStackInvertedLists(len(parts), pointers.data())
    index, whole = load_quantizer(QUANTIZER), load_quantizer(QUANTIZER)
    index.replace_invlists(joined, False)
    for number, vectors in SHARDS:
        whole.add_with_ids(vectors, to_keys(number, len(vectors)))
    index.nprobe = whole.nprobe = 4
    np.testing.assert_array_equal(index.search(VECTORS[:20], 5)[1], whole.search(VECTORS[:20], 5)[1])


def test_shards_are_removed_from_a_part_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(without_shards(PART, [7, 9]))
    remaining = lists_of(Location.of(tmp_path / "part"))
    assert keys_in(remaining).tolist() == [*to_keys(0, 100), *to_keys(8, 50)]
    index = load_quantizer(QUANTIZER)
    index.replace_invlists(remaining, False)
    expected = load_quantizer(QUANTIZER)
    expected.add_with_ids(VECTORS[:100], to_keys(0, 100))
    expected.add_with_ids(VECTORS[250:], to_keys(8, 50))
    index.nprobe = expected.nprobe = 4
    np.testing.assert_allclose(index.search(VECTORS, 5)[0], expected.search(VECTORS, 5)[0])
