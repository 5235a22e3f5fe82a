import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from osrmac.errors import NotFoundError, StorageError
from osrmac.runs import query_describer
from osrmac.runs.methods import Method
from osrmac.runs.queries import SearchQuery, SearchResult, find_queries, vectors
from osrmac.runs.shard_reader import list_shards
from osrmac.storage.run import Run
from osrmac.types import QueryResult
from tests.tiny_run import tiny_run

SINGLE = Method("single", "single", ("single",))
VECTORS = {"a.jpg": [1.0, 2.0], "b.jpg": [3.0, 4.0]}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": VECTORS}, failed={"broken.jpg": ("decode", "the file is empty")})


def test_a_query_is_an_image_of_the_run_or_a_path(run: Run) -> None:
    image, path = find_queries(["b.jpg", "/elsewhere/b.jpg"], list_shards(run), None)
    assert (image.name, image.uri) == ("b.jpg", "/photos/b.jpg")
    assert image.row is not None
    assert path == SearchQuery("/elsewhere/b.jpg", "/elsewhere/b.jpg", None, None)


def test_a_part_of_an_image_of_the_run_has_to_be_described(run: Run) -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    assert find_queries(["b.jpg"], list_shards(run), box) == [SearchQuery("b.jpg", "/photos/b.jpg", box, None)]


def test_a_path_that_is_not_unicode_becomes_a_url(run: Run) -> None:
    (query,) = find_queries([os.fsdecode(b"/photos/caf\xe9.jpg")], list_shards(run), None)
    assert (query.name, query.uri) == ("/photos/caf\\xe9.jpg", "file:///photos/caf%E9.jpg")


def test_a_failed_image_of_the_run_is_refused(run: Run) -> None:
    with pytest.raises(StorageError, match=r"broken\.jpg has no descriptor, it failed at decode: the file is empty"):
        vectors(run, SINGLE, find_queries(["broken.jpg"], list_shards(run), None))


def test_a_mistyped_id_is_refused_before_anything_is_described(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(query_describer, "QueryDescriber")
    with pytest.raises(NotFoundError, match=r"b\.jpeg is neither the id of an image of .* nor a file"):
        vectors(run, SINGLE, find_queries(["a.jpg", "b.jpeg"], list_shards(run), None))


def test_stored_and_described_vectors_keep_the_order_of_the_queries(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described(_run: Run, _method: Method) -> SimpleNamespace:
        return SimpleNamespace(describe=lambda queries: [[np.full(2, len(each.name), np.float32)] for each in queries])

    monkeypatch.setattr(query_describer, "QueryDescriber", described)
    monkeypatch.chdir(tmp_path)
    for name in ("new.png", "other.png"):
        (tmp_path / name).touch()
    queries = find_queries(["new.png", "b.jpg", "other.png", "a.jpg"], list_shards(run), None)
    (found,) = vectors(run, SINGLE, queries)
    np.testing.assert_array_equal(found, [[7, 7], [3, 4], [9, 9], [1, 2]])


def test_a_search_result_is_a_sequence_of_query_results() -> None:
    queries = (QueryResult("a", ()), QueryResult("b", ()))
    result = SearchResult("single", "l1", queries)
    assert (len(result), result[1], tuple(result)) == (2, queries[1], queries)
