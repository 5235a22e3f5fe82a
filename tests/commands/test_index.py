"""An index is built, extended, built again where it must be, and continued after an interruption."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osrmac.commands import index as command
from osrmac.commands.fit import fit
from osrmac.commands.index import Indexing, index
from osrmac.commands.info import info
from osrmac.commands.prune import prune
from osrmac.commands.verify import verify
from osrmac.config import IndexConfig, PruneConfig, ReductionConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.runs.index.source import IndexSource
from osrmac.runs.index.stored import StoredIndex, load_index
from osrmac.runs.reductions.stored import load_reductions
from osrmac.storage import manifest, shards
from osrmac.storage.run import Run
from tests.indexes import add_images, change_images, generations, indexed_rows, rows_of
from tests.tiny_run import tiny_run

pytestmark = pytest.mark.integration

NAME = "osrmac-leverage-4"
FIT = ReductionConfig(select=("leverage",), features=(4,), baselines=False, retained_variance=0.5)
VECTORS = np.abs(np.random.default_rng(0).normal(size=(120, 8))).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def images(first: int, end: int) -> dict[str, np.ndarray]:
    return {f"{number:03d}.png": VECTORS[number] for number in range(first, end)}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> Run:
    """A run of 60 images in shards of five, and its reduction; tests must not change it."""
    run = tiny_run(tmp_path_factory.mktemp("fitted") / "run", {"osrmac": images(0, 60)}, rows_per_shard=5)
    fit(run.url, FIT)
    run.set_search_method("osrmac", NAME)
    return run


@pytest.fixture(scope="module")
def whole(fitted: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """That run with an index in one part; tests must not change it."""
    run = Run(str(shutil.copytree(fitted.url, tmp_path_factory.mktemp("whole") / "run")))
    index(run.url)
    return run


@pytest.fixture
def unindexed(fitted: Run, tmp_path: Path) -> Run:
    return Run(str(shutil.copytree(fitted.url, tmp_path / "run")))


@pytest.fixture
def run(whole: Run, tmp_path: Path) -> Run:
    return Run(str(shutil.copytree(whole.url, tmp_path / "run")))


def stored(run: Run) -> StoredIndex:
    found = load_index(run, NAME)
    assert found is not None
    return found


def check(run: Run) -> None:
    """The index has the rows of every shard, once each, and no file beside those that it names."""
    source = IndexSource.of(run, load_reductions(run)[0], stored(run).space)
    covered = {(shard.shard, shard.generation) for shard in stored(run).current(generations(run)).values()}
    rows = indexed_rows(run, NAME)
    assert {key: rows[key] for key in covered} == rows_of(source)
    assert {file.name for file in Path(run.index(NAME)).iterdir()} == {"index.json", *stored(run).files}
    assert list(verify(run.url)) == []


def test_an_index_is_built_and_a_second_time_nothing_is_done(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    check(run)
    assert (stored(run).trained_on, stored(run).trained_for, stored(run).factory) == (60, 60, "IVF1,Flat")
    before = run.record(), stored(run)
    monkeypatch.setattr("osrmac.distributed.index.connect", refuse)
    again = index(run.url)
    assert (again.images, again.shards, again.added, again.trained, again.parts) == (60, 12, 0, False, 1)
    assert again.bytes == sum((Path(run.index(NAME)) / name).stat().st_size for name in stored(run).files)
    assert (run.record(), stored(run)) == before


def refuse(*_: object) -> None:
    raise AssertionError("nothing is to be done on a cluster")


def test_new_and_changed_shards_go_into_new_parts(run: Run) -> None:
    before = stored(run)
    add_images(run, images(60, 70))
    change_images(run, before.parts[0].shards[3].shard, seed=1)
    assert info(run.url).indexes[0].state == "incomplete"
    result = index(run.url)
    assert (result.images, result.shards, result.added, result.trained) == (70, 14, 3, False)
    assert stored(run).parts[0] == before.parts[0]
    assert {shard.number for shard in stored(run).parts[1].shards} == {12, 13, 14}
    check(run)
    assert info(run.url).indexes[0].state == "current"


def test_an_index_is_built_again_when_its_reduction_or_the_distance_has_changed(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(run.url, replace(FIT, refit=True, retained_variance=0.9))
    assert info(run.url).indexes[0].state == "stale"
    capsys.readouterr()
    assert index(run.url).trained
    assert capsys.readouterr().err == "the index is built again: its reduction was fitted again\n"
    check(run)
    result = index(run.url, IndexConfig(distance="cosine"))
    assert (result.trained, result.distances) == (True, ("cosine",))
    assert capsys.readouterr().err == "the index is built again: it is for distances l1 and l2, not cosine\n"
    check(run)
    assert not index(run.url).trained
    assert index(run.url, IndexConfig(rebuild=True)).trained
    assert capsys.readouterr().err == ""
    check(run)


def test_an_index_of_a_run_that_has_grown_far_is_trained_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("osrmac.runs.index.update._GROWTH", 1.9)
    add_images(run, images(60, 120))
    assert index(run.url).trained
    assert "the index is built again: it was trained for 60 images, and there are 120" in capsys.readouterr().err
    assert stored(run).trained_for == 120
    check(run)


def test_a_missing_or_damaged_part_is_made_again(run: Run) -> None:
    (part,) = stored(run).parts
    file = Path(run.index(NAME)) / part.file
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"x")
    (problem,) = verify(run.url)
    assert problem.startswith(f"{file} is damaged (")
    assert problem.endswith("remove it and run osrmac index again")
    file.unlink()
    assert list(verify(run.url)) == [f"{file} is missing: run osrmac index again"]
    assert index(run.url).added == 12
    check(run)


class Killed(BaseException):
    """The process ends."""


def test_an_interrupted_build_finds_what_it_has_finished(unindexed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_PART_BYTES", 4 * 4 * 10)

    def dying(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(command, "write_index", dying)
        with pytest.raises(Killed):
            index(unindexed.url)
    files = {file: file.stat().st_mtime_ns for file in Path(unindexed.index(NAME)).iterdir()}
    assert len(files) == 7  # a quantizer, and parts of two shards
    assert load_index(unindexed, NAME) is None
    lost, damaged = [file for file in sorted(files) if file.name.startswith("part")][:2]
    content = damaged.read_bytes()
    lost.unlink()
    damaged.write_bytes(b"damaged")
    assert index(unindexed.url).parts == 6
    assert {file for file, time in files.items() if file.stat().st_mtime_ns != time} == {lost, damaged}
    assert damaged.read_bytes() == content
    check(unindexed)


def test_the_shards_of_removed_images_leave_the_index_until_it_is_extended(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "remove.txt").write_text("001.png\n017.png\n")
    affected = {plan["shard"] for plan in planned(run) if plan["id"] in {"001.png", "017.png"}}
    prune(run.url, PruneConfig(remove=str(tmp_path / "remove.txt"), yes=True))
    line = f"{len(affected)} shards have left the index of {NAME}, and are scanned: osrmac index {run.url}"
    assert line in capsys.readouterr().err
    assert not {key for key in indexed_rows(run, NAME) if key[0] in affected}
    assert info(run.url).indexes[0].not_covered == len(affected)
    result = index(run.url)
    assert (result.images, result.added, result.trained) == (58, len(affected), False)
    check(run)


def planned(run: Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = manifest.read_all(run.manifest, ["id", "shard"]).to_pylist()
    return rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.set_search_method("osrmac", "osrmac"), "osrmac has no reduction, and whole descriptors are"),
        (lambda _: IndexConfig(method="osrmac"), "fit one with osrmac fit .*, or name one with --method"),
        (lambda _: IndexConfig(method="osrmac-pfa-9"), "no method osrmac-pfa-9"),
    ],
)
def test_a_method_that_cannot_be_indexed_is_refused(
    unindexed: Run, change: Callable[[Run], IndexConfig | None], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        index(unindexed.url, change(unindexed) or IndexConfig())


def test_a_method_of_several_vectors_is_refused(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", {"osrmac": images(0, 40), "osrmac_local": images(0, 40)}, rows_per_shard=40)
    fit(run.url, FIT)
    with pytest.raises(ConfigError, match=f"compares several vectors of an image, .* --method {NAME}$"):
        index(run.url, IndexConfig(method=f"{NAME}+cam"))


def test_a_run_without_described_images_is_refused(unindexed: Run) -> None:
    for shard in shards.paths(unindexed.descriptors):
        shards.replace(shard, shards.read(shard).slice(0, 0), generation=1)
    with pytest.raises(StorageError, match="has no described images to index"):
        index(unindexed.url)


def test_the_result_has_a_json_form(run: Run) -> None:
    result: Indexing = index(run.url)
    assert result.to_json()["method"] == NAME
