"""Search against distances by scipy, and against the query expansion of an evaluation."""

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from osrmac.cli.app import main
from osrmac.commands.fit import fit
from osrmac.commands.search import search, search_stream
from osrmac.config import Distance, ReductionConfig, SearchClusterConfig, SearchConfig, fingerprint
from osrmac.descriptor.regions import region_boxes
from osrmac.distributed import scan
from osrmac.errors import ConfigError, OsrmacError, StorageError
from osrmac.retrieval.expansion import average
from osrmac.retrieval.reranking import superglobal
from osrmac.runs.batches import chunks
from osrmac.runs.reductions.stored import load_reductions
from osrmac.storage import shards
from osrmac.storage.run import Run
from osrmac.types import QueryResult
from tests.tiny_run import tiny_run

FIT = ReductionConfig(select=("pfa",), features=(32,), retained_variance=0.8)
QUERIES = ["even/08.png", "copy1.png", "odd/11.png"]


@pytest.fixture
def fitted(run: Run) -> Run:
    fit(run.url, FIT)
    return run


def vectors(run: Run, recipe: str) -> tuple[list[str], NDArray[np.float32]]:
    found = shards.read_vectors(shards.paths(run.descriptors), recipe)
    return found.ids, found.values


def names(found: QueryResult) -> list[str]:
    return [match.id for match in found.matches]


@pytest.mark.parametrize(("distance", "metric"), [("l1", "cityblock"), ("l2", "euclidean"), ("cosine", "cosine")])
def test_ids_find_the_nearest_images(
    finished: Run, distance: Distance, metric: Literal["cityblock", "euclidean", "cosine"]
) -> None:
    ids, values = vectors(finished, "single")
    found = search(finished.url, QUERIES, SearchConfig(method="single", distance=distance))
    for query, answer in zip(QUERIES, found, strict=True):
        distances = cdist(values[[ids.index(query)]].astype(float), values.astype(float), metric)[0]
        assert (answer.query, found.method, found.distance) == (query, "single", distance)
        assert [match.rank for match in answer.matches] == list(range(1, 11))
        expected = [distances[ids.index(name)] for name in names(answer)]
        np.testing.assert_allclose([match.distance for match in answer.matches], expected, atol=1e-5)
        np.testing.assert_allclose(expected, sorted(distances)[:10], atol=1e-6)
    # A copy is as near as the picture itself, and its id comes first.
    assert names(found[1])[:2] == ["copy1.png", "odd/01.png"]


def test_the_default_method_is_the_decided_reduction_with_local_descriptors(fitted: Run) -> None:
    fitted.set_search_method("osrmac", "osrmac-pfa-32")
    ids, whole = vectors(fitted, "osrmac")
    _, local = vectors(fitted, "osrmac_local")
    kept = fitted.selection("osrmac-pfa-32").read_json()["indices"]  # type: ignore[index]
    everywhere = [cdist(of[:, kept], of[:, kept], "cityblock") for of in (whole, local)]
    row = int(np.argmax((everywhere[1] < everywhere[0]).sum(axis=1)))
    both = [distances[row] for distances in everywhere]
    result = search(fitted.url, [ids[row]], SearchConfig(top=26))
    assert result.method == "osrmac-pfa-32+cam"
    (found,) = result
    np.testing.assert_allclose([match.distance for match in found.matches], sorted(np.minimum(*both)), atol=1e-5)
    (alone,) = search(fitted.url, [ids[row]], SearchConfig(top=26, method="osrmac-pfa-32"))
    np.testing.assert_allclose([match.distance for match in alone.matches], sorted(both[0]), atol=1e-5)
    assert found.matches != alone.matches


def test_outdated_reduced_shards_are_not_read(fitted: Run) -> None:
    method = SearchConfig(method="osrmac-pfa-32", top=26)
    expected = search(fitted.url, QUERIES, method)
    shard = next(path for path in shards.paths(fitted.reduced("osrmac-pfa-32")) if shards.read(path).num_rows)
    table = shards.read(shard)
    nothing = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(32 * table.num_rows, np.float32)), 32)
    zeros = table.set_column(1, table.schema.field(1), nothing)
    shards.write_table(shard, zeros)
    assert search(fitted.url, QUERIES, method) != expected
    stale = zeros.replace_schema_metadata({**table.schema.metadata, b"osrmac.selection": b"another"})
    shards.write_table(shard, stale)
    assert search(fitted.url, QUERIES, method) == expected
    Path(shard).unlink()
    assert search(fitted.url, QUERIES, method) == expected


def test_a_file_is_described_like_the_images_of_the_run(finished: Run, photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "even" / "08.png", tmp_path / "mine.png")
    by_id, by_file, by_url = search(
        finished.url, ["even/08.png", str(tmp_path / "mine.png"), f"file://{tmp_path}/mine%2Epng"]
    )
    assert names(by_file) == names(by_id) == names(by_url)
    assert by_file.matches[0].distance == pytest.approx(0, abs=1e-4)
    assert by_file.uri == str(tmp_path / "mine.png")


def test_a_box_searches_for_a_part_of_the_image(finished: Run) -> None:
    (found,) = search(finished.url, ["even/08.png"], SearchConfig(box=(0, 0, (90 + 7 * 8) // 2, 120)))
    assert names(found)[0] == "half08.png"
    assert found.matches[0].distance == pytest.approx(0, abs=1e-4)


def test_query_expansion_is_that_of_an_evaluation(finished: Run) -> None:
    ids, values = vectors(finished, "early")
    rows = [ids.index(query) for query in QUERIES]
    nearest = np.argsort(cdist(values[rows], values, "cityblock"), axis=1, kind="stable")[:, :3]
    expanded = average(values[rows], values[nearest], 2.0)
    expected = cdist(expanded, values, "cityblock")
    found = search(finished.url, QUERIES, SearchConfig(method="early", query_expansion=3, alpha=2.0))
    for answer, distances in zip(found, expected, strict=True):
        np.testing.assert_allclose([m.distance for m in answer.matches], sorted(distances)[:10], rtol=1e-5)
    assert found != search(finished.url, QUERIES, SearchConfig(method="early"))


def test_an_expanded_query_is_re_ranked(finished: Run) -> None:
    ids, values = vectors(finished, "early")
    rows = [ids.index(query) for query in QUERIES]
    nearest = np.argsort(cdist(values[rows], values, "cityblock"), axis=1, kind="stable")[:, :3]
    options = SearchConfig(method="early", query_expansion=3, rerank="superglobal", rerank_neighbours=4)
    found = search(finished.url, QUERIES, options)
    assert found.conditions == options.conditions
    for answer, expanded in zip(found, average(values[rows], values[nearest], 3.0), strict=True):
        scores = superglobal(expanded, values, 4, 0.15)
        assert [match.score for match in answer.matches] == pytest.approx(sorted(scores, reverse=True)[:10], abs=1e-5)
        assert [match.score for match in answer.matches] == pytest.approx(
            [scores[ids.index(name)] for name in names(answer)], abs=1e-5
        )
        distances = cdist([expanded], values, "cityblock")[0]
        expected = [distances[ids.index(name)] for name in names(answer)]
        np.testing.assert_allclose([match.distance for match in answer.matches], expected, atol=1e-4)


def test_regions_are_whitened_and_summed(with_regions: Run, photos: Path) -> None:
    fit(with_regions.url, ReductionConfig(recipe="rmac_regions", whitening=(8,)))
    queries = ["copy1.png", str(photos / "copy1.png")]
    by_id, by_file = search(with_regions.url, queries, SearchConfig(method="rmac_regions-whitening-8"))
    assert names(by_id)[:2] == names(by_file)[:2] == ["copy1.png", "odd/01.png"]
    assert by_file.matches[0].distance == pytest.approx(0, abs=1e-4)


def test_the_box_of_a_match_is_that_of_its_nearest_region(with_regions: Run, photos: Path) -> None:
    """Picture 08 is seen as 5 x 5 cells, its left half, half08, as 5 x 4."""
    options = SearchConfig(method="rmac_regions+match", top=26)
    by_id, by_file = search(with_regions.url, ["half08.png", str(photos / "half08.png")], options)
    assert names(by_id) == names(by_file)
    rows = [row for shard in shards.paths(with_regions.descriptors) for row in shards.read(shard).to_pylist()]
    regions = {row["id"]: np.array(row["rmac_regions"]) for row in rows if row["status"] == "ok"}
    query = regions["half08.png"].sum(axis=0, keepdims=True)
    query /= np.linalg.norm(query)
    found = {match.id: match for match in by_id.matches}
    for name, boxes in (
        ("even/08.png", region_boxes(5, 5, (146, 120))),
        ("half08.png", region_boxes(5, 4, (73, 120))),
    ):
        distances = cdist(query, regions[name], "cityblock")[0]
        assert (len(distances), found[name].box) == (len(boxes), boxes[int(np.argmin(distances))])
    assert all(match.box is None for match in search(with_regions.url, ["half08.png"])[0].matches)


def test_matches_are_by_the_nearest_region(with_regions: Run) -> None:
    fit(with_regions.url, ReductionConfig(recipe="rmac_regions", whitening=(8,)))
    rows = [row for shard in shards.paths(with_regions.descriptors) for row in shards.read(shard).to_pylist()]
    images = {row["id"]: np.array(row["rmac_regions"], np.float32) for row in rows if row["status"] == "ok"}
    reduction = next(each for each in load_reductions(with_regions) if each.recipe == "rmac_regions")
    for name, regions in (
        ("rmac_regions+match", images),
        ("rmac_regions-whitening-8+match", {image: reduction.apply(vectors) for image, vectors in images.items()}),
    ):
        (found,) = search(with_regions.url, ["odd/03.png"], SearchConfig(method=name, top=26, distance="l2"))
        query = regions["odd/03.png"].sum(axis=0, keepdims=True)
        query /= np.linalg.norm(query)
        expected = {image: cdist(query, vectors).min() for image, vectors in regions.items()}
        assert sorted(names(found)) == sorted(expected)
        np.testing.assert_allclose([match.distance for match in found.matches], sorted(expected.values()), atol=1e-5)


def test_a_run_with_only_regional_vectors_is_refused(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osrmac.runs.methods.list_methods", lambda _run: [])
    with pytest.raises(ConfigError, match="only vectors of regions"):
        search(finished.url, QUERIES)


@pytest.mark.parametrize(
    ("queries", "options", "message"),
    [
        ([], SearchConfig(), "no query given"),
        (["gone.png"], SearchConfig(), "gone.png is neither the id of an image of .* nor a file"),
        (["empty.jpg"], SearchConfig(), "empty.jpg has no descriptor, it failed at decode: the file is empty"),
        (["even/08.png"], SearchConfig(box=(500, 500, 600, 600)), "cannot be described, it failed at crop"),
        (QUERIES, SearchConfig(box=(0, 0, 9, 9)), "search for one at a time"),
        (QUERIES, SearchConfig(method="best"), "no method best .* choose from single, early, osrmac, "),
    ],
)
def test_a_search_that_cannot_work_is_refused_in_one_line(
    finished: Run, queries: list[str], options: SearchConfig, message: str
) -> None:
    with pytest.raises(OsrmacError, match=message) as caught:
        search(finished.url, queries, options)
    assert "\n" not in str(caught.value)


def test_a_missing_gpu_is_refused_or_not_used(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--device cuda, but torch finds no GPU on this machine"):
        search(finished.url, QUERIES, SearchConfig(device="cuda"))
    assert search(finished.url, QUERIES, SearchConfig(device="auto"))


def test_a_run_without_images_and_other_weights_are_refused(
    finished: Run, run: Run, photos: Path, tmp_path: Path
) -> None:
    for shard in shards.paths(run.descriptors):
        Path(shard).unlink()
    with pytest.raises(StorageError, match="no descriptors yet"):
        search(run.url, QUERIES)
    record = run.record()
    identity = record["identity"] | {"weights": "others"}
    others = {"identity": identity, "fingerprint": fingerprint(identity)}
    (run.location / "run.json").write_json(record | others)
    shutil.copytree(finished.descriptors, run.descriptors, dirs_exist_ok=True)
    assert names(search(run.url, ["copy1.png"])[0])[0] == "copy1.png"
    with pytest.raises(StorageError, match="have changed since"):
        search(run.url, [str(photos / "copy1.png")])


def test_the_command_tells_where_regions_are(with_regions: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["search", with_regions.url, "--top", "2", "--method", "rmac_regions+match", "half08.png"]
    main([*command, "--format", "json"])
    boxes = [json.loads(line)["box"] for line in capsys.readouterr().out.splitlines()]
    assert all(len(box) == 4 for box in boxes)
    main(command)
    shown = capsys.readouterr().out
    assert all(f"│ {' '.join(map(str, box))} " in shown for box in boxes)


IDS = [f"{number:02d}.jpg" for number in range(11)]


def batch_run(folder: Path, seed: int) -> Run:
    """A run of few different vectors, so that many images are tied, and of a failed image."""
    rows = np.random.default_rng(seed).integers(0, 3, (len(IDS), 3))
    vectors_by_id = dict(zip(IDS, rows, strict=True))
    return tiny_run(folder, {"single": vectors_by_id}, failed={"broken.jpg": ("decode", "empty")}, rows_per_shard=4)


@pytest.mark.parametrize("chunk", [250_000_000, 3 * 4012, 1])
@pytest.mark.parametrize("refined", [{}, {"query_expansion": 2, "rerank": "superglobal", "rerank_top": 5}])
def test_chunks_change_no_result_of_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, refined: dict[str, Any]
) -> None:
    run = batch_run(tmp_path / "run", 0)
    listed = tmp_path / "queries.txt"
    listed.write_text("\n".join(reversed(IDS)))
    expected = search(run.url, list(reversed(IDS)), SearchConfig(top=4, **refined))
    monkeypatch.setattr(chunks, "_CHUNK", chunk)
    assert search(run.url, [], SearchConfig(top=4, queries_from=str(listed), **refined)) == expected


def test_a_query_of_a_list_that_fails_has_an_error_and_no_matches(tmp_path: Path) -> None:
    run = batch_run(tmp_path / "run", 0)
    listed = tmp_path / "queries.csv"
    listed.write_text("id\n01.jpg\nbroken.jpg\ngone.jpg\n02.jpg\n")
    found = search(run.url, [], SearchConfig(top=4, queries_from=str(listed)))
    assert [query.error is None for query in found] == [True, False, False, True]
    assert [len(query.matches) for query in found] == [4, 0, 0, 4]
    assert found[1].error == "broken.jpg has no descriptor, it failed at decode: empty"
    assert "neither the id of an image" in (found[2].error or "")
    with pytest.raises(StorageError, match=r"broken\.jpg has no descriptor"):
        search(run.url, ["01.jpg", "broken.jpg"])


@pytest.mark.parametrize("chunk", [250_000_000, 3 * 4012, 1])
def test_images_of_another_run_are_queries_and_nothing_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = batch_run(tmp_path / "run", 0), batch_run(tmp_path / "other", 1)
    monkeypatch.setattr(chunks, "_CHUNK", chunk)
    found = {query.query: query for query in search(run.url, [], SearchConfig(top=4, query_run=other.url))}
    assert sorted(found) == IDS
    assert "1 images of" in capsys.readouterr().err
    ids, images = vectors(run, "single")
    names_of, queries = vectors(other, "single")
    for name, query in zip(names_of, queries, strict=True):
        distances = np.abs(images - query).sum(axis=1)
        nearest = sorted(zip(distances.tolist(), ids, strict=True))[:4]
        assert [(match.distance, match.id) for match in found[name].matches] == nearest


@pytest.mark.parametrize("refined", [{}, {"rerank": "superglobal", "rerank_top": 20}])
def test_an_image_is_left_out_of_its_own_results(tmp_path: Path, refined: dict[str, Any]) -> None:
    run = batch_run(tmp_path / "run", 0)
    found = {query.query: query for query in search(run.url, [], SearchConfig(top=4, query_run=run.url, **refined))}
    for name in IDS:
        (everything,) = search(run.url, [name], SearchConfig(top=20, **refined))
        others = [match for match in everything.matches if match.id != name][:4]
        assert names(found[name]) == [match.id for match in others]
        assert [match.rank for match in found[name].matches] == [1, 2, 3, 4]


def test_queries_of_other_settings_are_refused(tmp_path: Path) -> None:
    run = batch_run(tmp_path / "run", 0)
    other = tiny_run(tmp_path / "other", {"early": {"a.jpg": [1, 2, 3]}})
    with pytest.raises(StorageError, match="was made with other settings"):
        search(run.url, [], SearchConfig(query_run=other.url))


def test_a_missing_list_is_refused_before_the_search(tmp_path: Path) -> None:
    run = batch_run(tmp_path / "run", 0)
    with pytest.raises(OsrmacError, match="no list"):
        search_stream(run.url, [], SearchConfig(queries_from=str(tmp_path / "gone.txt")))


@pytest.mark.parametrize(
    ("queries", "options", "message"),
    [
        ([], {}, "no query given"),
        (["a"], {"queries_from": "list.txt"}, "choose one of them"),
        (["a"], {"query_run": "run"}, "choose one of them"),
        ([], {"queries_from": "list.txt", "query_run": "run"}, "give one of them"),
        ([], {"queries_from": "list.txt", "box": (0, 0, 1, 1)}, "--box is a part of one image"),
    ],
)
def test_the_queries_come_from_one_place(queries: list[str], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        search("nowhere", queries, SearchConfig(**options))


@pytest.mark.integration
def test_a_cluster_gives_the_same_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = batch_run(tmp_path / "run", 0)
    monkeypatch.setattr(scan, "_PART", 60)
    monkeypatch.setattr(chunks, "_CHUNK", 6 * 4012)
    options = SearchConfig(top=4, query_run=run.url, query_expansion=2, rerank="superglobal", rerank_top=5)
    assert search(run.url, [], options, SearchClusterConfig(address="local")) == search(run.url, [], options)
