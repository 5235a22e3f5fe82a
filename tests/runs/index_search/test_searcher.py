"""A search by an index finds what a scan finds, with the same distances, or nearly all of it."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from osrmac.config import Distance, SearchConfig
from osrmac.runs.index_search import searcher as searcher_module
from osrmac.runs.index_search.choice import index_searcher, open_images
from osrmac.runs.index_search.searcher import IndexSearcher
from osrmac.runs.matches import find_matches
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import find_rows, list_shards, read_blocks
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Match, Matrix
from tests.indexed_run import METHOD, build_index, clustered, method_of, reduce_all, reduced_run

IMAGES = 1000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with an index; tests must not change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        found = reduced_run(tmp_path_factory.mktemp("indexed") / "run", clustered(IMAGES))
        build_index(found)
    return found


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        return Path(reduced_run(tmp_path_factory.mktemp("fresh") / "run", clustered(300), rows_per_shard=50).url)


@pytest.fixture
def fresh(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A smaller run without an index, which the test may change."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    return Run(str(shutil.copytree(original, tmp_path / "run")))


def queries(number: int, seed: int = 1) -> list[Matrix]:
    """Vectors near those of images, as the method compares them."""
    vectors = np.stack(list(clustered(IMAGES).values()))[:: IMAGES // number][:number, :8]
    noise = 0.05 * np.random.default_rng(seed).normal(size=vectors.shape)
    return [(vectors + noise).astype(np.float32)]


def scan(run: Run, distance: Distance = "l1", outside: frozenset[str] = frozenset()) -> Scan:
    return Scan(partial(read_blocks, run, method_of(run), list_shards(run)), distance, outside=outside)


def by_index(run: Run, outside: frozenset[str] = frozenset(), **options: Any) -> IndexSearcher:
    chosen = SearchConfig(method=METHOD, **options)
    images = open_images(run, method_of(run), list_shards(run), chosen)
    assert images is not None
    return index_searcher(images, chosen, "cpu", outside)


def never(*_: object) -> Any:
    pytest.fail("scanned")


def ids(found: Sequence[Sequence[Match]]) -> list[set[str]]:
    return [{match.id for match in matches} for matches in found]


@pytest.mark.parametrize("distance", ["l1", "l2"])
def test_all_images_as_candidates_give_the_result_of_a_scan(run: Run, distance: Distance) -> None:
    found = by_index(run, distance=distance, candidates=IMAGES)
    expected = scan(run, distance).nearest(queries(20), 10)
    assert found.nearest(queries(20), 10) == expected
    shards_found = [match.shard for matches in found.nearest(queries(20), 10) for match in matches]
    assert shards_found == [match.shard for matches in expected for match in matches]


def test_the_cosine_has_an_index_of_its_own(fresh: Run) -> None:
    build_index(fresh, space="cosine")
    found = by_index(fresh, distance="cosine", candidates=300).nearest(queries(20), 10)
    assert found == scan(fresh, "cosine").nearest(queries(20), 10)


def test_few_candidates_find_nearly_all_without_a_scan(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = scan(run).nearest(queries(50), 10)
    monkeypatch.setattr(Scan, "distances", never)
    found = by_index(run, candidates=40).nearest(queries(50), 10)
    shared = [len(one & other) for one, other in zip(ids(found), ids(expected), strict=True)]
    assert sum(shared) >= 0.95 * 500
    exact = {(row, match.id): match.distance for row, matches in enumerate(expected) for match in matches}
    same = [
        exact.get((row, match.id), match.distance) == match.distance for row, of in enumerate(found) for match in of
    ]
    assert all(same)


def test_compressed_codes_find_nearly_all(fresh: Run) -> None:
    build_index(fresh, factory="IVF4_HNSW32,RaBitQ")
    found = by_index(fresh, candidates=100).nearest(queries(50), 10)
    expected = scan(fresh).nearest(queries(50), 10)
    assert sum(len(one & other) for one, other in zip(ids(found), ids(expected), strict=True)) >= 0.95 * 500


def test_images_that_the_index_lacks_are_scanned(fresh: Run) -> None:
    within = shards.paths(fresh.descriptors)
    build_index(fresh, within[:4])
    assert by_index(fresh, candidates=300).nearest(queries(20), 10) == scan(fresh).nearest(queries(20), 10)


def changed(shard: Location, generation: int, factor: float) -> None:
    """Scale the vectors of a shard, without its first row."""
    table = shards.read(shard).slice(1)
    column = table.column_names.index("osrmac")
    values = shards.matrix(table["osrmac"].combine_chunks()) * np.float32(factor)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    shards.replace(shard, table.set_column(column, table.schema.field(column), vectors), generation)


@pytest.mark.parametrize("reduced", [False, True], ids=["reduced as it is read", "reduced again"])
def test_changed_shards_are_scanned_and_removed_images_never_found(fresh: Run, reduced: bool) -> None:
    build_index(fresh)
    within = shards.paths(fresh.descriptors)
    gone = shards.described_ids(within[1])[0]
    changed(within[1], 1, -1.0)
    (within[2]).remove()
    (fresh.reduced(METHOD) / within[2].name).remove()
    if reduced:
        reduce_all(fresh)
    found = by_index(fresh, candidates=300).nearest(queries(50), 20)
    assert found == scan(fresh).nearest(queries(50), 20)
    assert gone not in set().union(*ids(found))


def test_outdated_images_do_not_displace_others(fresh: Run) -> None:
    build_index(fresh)
    for shard in shards.paths(fresh.descriptors)[:4]:
        changed(shard, 1, -1.0)
    reduce_all(fresh)
    found = by_index(fresh, candidates=1)
    assert all(len(matches) == 10 for matches in found.nearest(queries(20), 10))


def test_ties_are_ordered_by_id_and_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    vectors = clustered(60)
    names = list(vectors)
    for name in names[20:35]:
        vectors[name] = vectors[names[20]]
    run = reduced_run(tmp_path / "run", vectors, rows_per_shard=7)
    build_index(run, factory="IVF2,Flat")
    query = [vectors[names[20]][None, :8].astype(np.float32)]
    for number in (5, 14, 15, 20):
        found = by_index(run, candidates=60).nearest(query, number)
        assert found == scan(run).nearest(query, number)
    assert found[0][0].tied
    assert not found[0][-1].tied


def test_a_query_with_too_few_candidates_is_compared_with_all(run: Run) -> None:
    expected = scan(run).nearest(queries(3), 600)
    assert by_index(run, candidates=1).nearest(queries(3), 600) == expected


@pytest.mark.parametrize("share", [2, 20, 1000])
def test_results_without_images_outside_are_complete(run: Run, share: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searcher_module, "_MOST_CANDIDATES", 500)
    kept = sorted(clustered(IMAGES))[::share]
    outside = frozenset(clustered(IMAGES)) - set(kept)
    found = by_index(run, outside, candidates=60).nearest(queries(10), 10)
    expected = scan(run, outside=outside).nearest(queries(10), 10)
    assert [len(matches) for matches in found] == [len(matches) for matches in expected]
    assert set().union(*ids(found)) <= set(kept)
    shared = sum(len(one & other) for one, other in zip(ids(found), ids(expected), strict=True))
    assert shared >= 0.95 * sum(map(len, expected))


def test_many_queries_are_answered_in_parts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = by_index(run).nearest(queries(20), 5)
    monkeypatch.setattr(searcher_module, "at_once", lambda *_: 7)
    assert by_index(run).nearest(queries(20), 5) == expected


@pytest.mark.parametrize("options", [{"query_expansion": 3}, {"rerank": "superglobal", "rerank_top": 20}], ids=str)
def test_refinements_find_what_they_find_with_a_scan(fresh: Run, options: dict[str, Any]) -> None:
    build_index(fresh, shards.paths(fresh.descriptors)[:5])
    chosen = SearchConfig(method=METHOD, candidates=300, **options)
    outside = frozenset(["00003.png"])
    rows = partial(rows_of, fresh)
    searched = by_index(fresh, outside, candidates=300)
    found = find_matches(fresh, method_of(fresh), searched, queries(5), chosen, rows)
    expected = find_matches(fresh, method_of(fresh), scan(fresh, outside=outside), queries(5), chosen, rows)
    assert found == expected


def rows_of(run: Run, matches: Sequence[Match]) -> dict[str, dict[str, Any]]:
    return find_rows([match.id for match in matches], list_shards(run))


def test_vectors_of_what_was_found_are_not_read_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = by_index(run)
    names = set().union(*ids(searched.nearest(queries(5), 4)))
    (expected,) = scan(run).vectors(names)
    (others,) = scan(run).vectors(["00000.png"])
    assert searched.vectors(["00000.png", "unknown"])[0]["00000.png"].tolist() == others["00000.png"].tolist()
    monkeypatch.setattr(Scan, "vectors", never)
    (found,) = searched.vectors(names)
    assert {name: vector.tolist() for name, vector in found.items()} == {
        name: vector.tolist() for name, vector in expected.items()
    }
