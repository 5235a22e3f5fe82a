import datetime
from pathlib import Path
from typing import Any

import pytest

from osrmac.errors import DamagedFileError, StorageError
from osrmac.runs.near_duplicates import stored as module
from osrmac.runs.near_duplicates.groups import Duplicates, Twin
from osrmac.runs.near_duplicates.stored import StoredDuplicates, collection_state, load_duplicates, store_duplicates
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

TIME = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": {name: [0] for name in "abcd"}})


def found(run: Run, *groups: str) -> Duplicates:
    twins = (
        tuple(Twin(name, f"/photos/{name}", 4, 3, 0.5, name == group[0], 10, TIME, run.url) for name in group)
        for group in groups
    )
    return Duplicates("single", "l1", 1.5, 0.9, "for copies", 7, 1, tuple(twins))


def kept(run: Run) -> StoredDuplicates:
    loaded = load_duplicates(run)
    assert loaded is not None
    return loaded


@pytest.mark.parametrize("groups", [("ba", "cd"), ()])
def test_near_duplicates_are_kept_as_they_were_found(run: Run, groups: tuple[str, ...]) -> None:
    assert load_duplicates(run) is None
    store_duplicates(run, found(run, "ab"), None, collection_state(run))
    store_duplicates(run, found(run, *groups), "picture", collection_state(run))
    loaded = kept(run)
    assert loaded.duplicates == found(run, *groups)
    assert (loaded.same, loaded.stale) == ("picture", "")
    assert datetime.datetime.fromisoformat(loaded.made).tzinfo is not None


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("planned", "images have been added since"),
        ("shards", "images have been described since"),
        ("generations", "images have been described again since"),
        ("removed", "images have been removed since"),
    ],
)
def test_near_duplicates_of_other_images_are_stale(
    run: Run, monkeypatch: pytest.MonkeyPatch, number: str, reason: str
) -> None:
    state = collection_state(run)
    assert state == {"removed": 0, "planned": 4, "shards": 2, "generations": 0}
    store_duplicates(run, found(run, "ab"), "picture", state)
    monkeypatch.setattr(module, "collection_state", lambda _: {**state, number: state[number] + 1})
    assert kept(run).stale == reason


def test_near_duplicates_by_an_earlier_fit_are_stale(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    store_duplicates(run, found(run, "ab"), "picture", collection_state(run))
    monkeypatch.setattr(module, "method_digests", lambda _: {"single": "another fit"})
    assert kept(run).stale == "single has been fitted again since"


def test_nothing_is_kept_if_images_were_removed_meanwhile(run: Run) -> None:
    state = collection_state(run)
    run.finish_stage("prune", 0.1, removed=1, total=1)
    store_duplicates(run, found(run, "ab"), "picture", state)
    assert load_duplicates(run) is None


def test_a_run_that_cannot_be_written_keeps_none(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise StorageError("read-only")

    monkeypatch.setattr(module, "locked", refuse)
    store_duplicates(run, found(run, "ab"), "picture", collection_state(run))
    assert load_duplicates(run) is None
    assert "the near-duplicates are not kept in the run: read-only" in capsys.readouterr().err


def test_a_damaged_file_says_what_to_do(run: Run) -> None:
    store_duplicates(run, found(run, "ab"), "picture", collection_state(run))
    rows = shards.read(run.duplicates)
    shards.write_table(run.duplicates, rows.replace_schema_metadata({"osrmac.duplicates": "{}"}))
    with pytest.raises(DamagedFileError, match="remove it and run osrmac duplicates again"):
        load_duplicates(run)
