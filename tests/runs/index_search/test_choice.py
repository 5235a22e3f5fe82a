"""An index is used if it fits, in its present state; otherwise a line says why not."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from osrmac.commands.search import search
from osrmac.config import SearchConfig
from osrmac.errors import DamagedFileError
from osrmac.reduction.base import Selection
from osrmac.runs.index.stored import load_index
from osrmac.runs.index_search import choice
from osrmac.runs.index_search.choice import describe, open_images
from osrmac.runs.index_search.images import IndexedImages
from osrmac.runs.index_search.opened import OpenIndex
from osrmac.runs.methods import choose_method
from osrmac.runs.reductions.stored import write_reduction
from osrmac.runs.shard_reader import list_shards
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.indexed_run import METHOD, build_index, clustered, method_of, reduced_run, reduction_of


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        run = reduced_run(tmp_path_factory.mktemp("choice") / "run", clustered(100), rows_per_shard=20)
        build_index(run, factory="IVF2,Flat")
    return Path(run.url)


@pytest.fixture
def run(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("os.fsync", lambda _: None)
    return Run(str(shutil.copytree(original, tmp_path / "run")))


def opened(run: Run, **options: Any) -> IndexedImages | None:
    return open_images(run, method_of(run), list_shards(run), SearchConfig(method=METHOD, **options))


def test_a_search_says_that_it_used_the_index(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    found = search(run.url, ["00003.png"], SearchConfig(method=METHOD))
    assert found.searched == "index over 100 of 100 images, 200 candidates compared exactly"
    exact = search(run.url, ["00003.png"], SearchConfig(method=METHOD, exact=True))
    assert exact.searched == "all images compared"
    assert found.queries == exact.queries
    assert capsys.readouterr().err == ""


def test_images_that_the_index_lacks_are_counted(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    build_index(run, list_shards(run)[:3], factory="IVF2,Flat")
    images = opened(run)
    assert describe(images, SearchConfig(candidates=50)) == (
        "index over 60 of 100 images, 50 candidates compared exactly; 40 scanned"
    )
    assert "40 of 100 images are not in the index, and are scanned: osrmac index" in capsys.readouterr().err


def test_other_methods_are_compared_with_all_images(run: Run) -> None:
    options = SearchConfig(method="osrmac")
    assert open_images(run, choose_method(run, "osrmac"), list_shards(run), options) is None


def test_an_index_of_another_reduction_or_space_is_not_used(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert opened(run, distance="cosine") is None
    told = capsys.readouterr().err
    assert "is of vectors for l1 and l2, not for cosine, so all images are compared" in told
    assert told.rstrip().endswith("--distance cosine")
    reduction = reduction_of(run)
    assert isinstance(reduction, Selection)
    write_reduction(run, Selection(**{**vars(reduction), "indices": tuple(range(1, 9))}))
    assert opened(run) is None
    assert "is of an earlier reduction, so all images are compared: run osrmac index" in capsys.readouterr().err


def test_an_index_that_was_built_again_meanwhile_is_read_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    build = build_index
    states: list[object] = []

    class Opened(OpenIndex):
        def __init__(self, *arguments: Any) -> None:
            if not states:  # between the reading of index.json and of the files that it names
                for file in run.index(METHOD).files(".faiss"):
                    file.remove()
                build(run, factory="IVF3,Flat")
            states.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr(choice, "OpenIndex", Opened)
    images = opened(run)
    assert images is not None
    assert images.index.stored.factory == "IVF3,Flat"
    assert len(states) == 2


@pytest.mark.parametrize("kind", ["quantizer", "part"])
def test_a_damaged_file_is_named(run: Run, kind: str) -> None:
    stored = load_index(run, METHOD)
    assert stored is not None
    name = stored.quantizer if kind == "quantizer" else stored.parts[0].file
    file = Path((run.index(METHOD) / name).path)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DamagedFileError, match=rf"{name} is damaged .*osrmac index"):
        opened(run)


def test_remote_files_are_copied_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    remote = Run("memory://choice/run")
    remote.location.fs.put(run.url, remote.location.path, recursive=True)
    query = shards.described_ids(list_shards(run)[0])[:1]
    expected = search(run.url, query, SearchConfig(method=METHOD))
    assert without_shards(search(remote.url, query, SearchConfig(method=METHOD))) == without_shards(expected)
    copies = sorted((tmp_path / "cache" / "osrmac" / "index").iterdir())
    stored = load_index(run, METHOD)
    assert stored is not None
    digests = {stored.quantizer_digest, *(part.digest for part in stored.parts)}
    assert {copy.name for copy in copies} == {f"{digest}.faiss" for digest in digests}
    (remote.index(METHOD) / stored.quantizer).write_bytes(b"damaged")  # the copy is used
    assert without_shards(search(remote.url, query, SearchConfig(method=METHOD))) == without_shards(expected)
    (tmp_path / "cache" / "osrmac" / "index" / f"{stored.quantizer_digest}.faiss").unlink()
    with pytest.raises(DamagedFileError, match=r"quantizer.* is damaged"):
        search(remote.url, query, SearchConfig(method=METHOD))


def without_shards(found: Any) -> Sequence[object]:
    return [[(match.id, match.distance) for match in query.matches] for query in found]
