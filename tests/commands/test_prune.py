"""Images are removed from all files of a run, completely, however often the command is interrupted."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from osrmac.commands import fit as fit_module
from osrmac.commands.export import export
from osrmac.commands.info import info
from osrmac.commands.prune import prune
from osrmac.commands.report import report
from osrmac.commands.search import search
from osrmac.commands.verify import verify
from osrmac.config import ExportConfig, PruneConfig, ReductionConfig, SearchConfig
from osrmac.errors import ConfigError, NotFoundError, OsrmacError, StorageError
from osrmac.storage import manifest, shards
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Run
from tests.committed import rows
from tests.indexes import indexed_rows
from tests.prunable_run import FAILED, IMAGES, contents, copied, interrupted, problems, prunable_run
from tests.tiny_run import tiny_run

REMOVED = ["even/00.png", "even/04.png", "even/06.png", *IMAGES[16:]]
"""A row of a shard, a whole shard, and a whole part of the manifest."""

NAMES = b"even/00.png"


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the disk its time: these tests write thousands of small files."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with every kind of file; tests must not change it."""
    return prunable_run(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def run(whole: Run, tmp_path: Path) -> Run:
    """A copy of that run, beside a copy of its collection."""
    return copied(whole, tmp_path)


@pytest.fixture
def photos(run: Run, tmp_path: Path) -> Path:
    return tmp_path / "photos"


def remove(photos: Path, names: list[str]) -> None:
    for name in names:
        (photos / name).unlink()


def listed(tmp_path: Path, *names: str) -> PruneConfig:
    """Options that remove these images."""
    file = tmp_path / "remove.txt"
    file.write_text("".join(f"{name}\n" for name in names))
    return PruneConfig(remove=str(file), yes=True)


def ids(run: Run) -> set[str]:
    return set(rows(run.descriptors))


def test_a_dry_run_shows_what_would_be_removed_and_changes_nothing(run: Run, photos: Path) -> None:
    remove(photos, REMOVED)
    before = contents(run)
    found = prune(run.url, PruneConfig(allow_many=True))
    assert (found.done, found.planned, found.images, found.shards) == (False, 20, 7, 4)
    assert found.ids == tuple(sorted(REMOVED))
    assert found.evaluations == ("oxford5k", "oxford5k-sweep")
    assert contents(run) == before


def test_gone_images_are_removed_from_every_file(run: Run, photos: Path) -> None:
    remove(photos, REMOVED)
    before = rows(run.descriptors)
    indexed = set(indexed_rows(run, "osrmac-pfa-2"))
    done = prune(run.url, PruneConfig(allow_many=True, yes=True))
    assert (done.done, done.images, done.ids) == (True, 7, ())
    after = rows(run.descriptors)
    assert after == {name: row for name, row in before.items() if name not in REMOVED}
    assert problems(run) == []
    assert len(shards.paths(run.manifest)) == 2
    assert not run.location.files("prune.json")

    reduced = rows(run.reduced("osrmac-pfa-2"))
    assert reduced.keys() == after.keys() - {FAILED}
    assert all(row["vector"] == after[name]["osrmac"][::2] for name, row in reduced.items())
    kept = {(shard.name, 0) for shard in shards.paths(run.descriptors) if not shards.generation(shard)}
    assert set(indexed_rows(run, "osrmac-pfa-2")) == kept & indexed
    assert rows(run.queries("oxford5k")).keys() == {"query_02"}
    (result,) = shards.read(run.evaluation("oxford5k", "-queries.parquet")).to_pylist()
    assert (result["query"], result["first"]) == ("query_02", [])
    assert [match["id"] for match in result["nearest"]] == ["even/02.png"]
    assert not [name for name in run_files(run) if NAMES in Path(name).read_bytes()]


def run_files(run: Run) -> list[str]:
    return [str(path) for path in Path(run.url).rglob("*") if path.is_file()]


def test_counts_marks_and_the_report_follow(run: Run, photos: Path, tmp_path: Path) -> None:
    prune(run.url, listed(tmp_path, "even/00.png"))
    prune(run.url, listed(tmp_path, FAILED))
    assert run.record()["counts"] == {"planned": 18, "ok": 18, "failed": 0}
    assert run.record()["stages"]["prune"]["total"] == 2
    marks = [run.evaluations()["oxford5k"], run.evaluations()["oxford5k-sweep"]["conditions"]]
    assert [mark["images removed since"].partition(",")[0] for mark in marks] == ["2", "2"]
    assert info(run.url).evaluations[0].conditions["images removed since"].startswith("2, last on 20")
    page = Path(run.report).read_text()
    assert "images removed since" in page
    assert "even/00.png" not in page


def test_a_run_without_a_report_gets_none(run: Run, tmp_path: Path) -> None:
    run.report.remove()
    prune(run.url, listed(tmp_path, "even/00.png"))
    assert not run.report.exists()


def test_all_images_can_be_removed(run: Run, tmp_path: Path) -> None:
    assert prune(run.url, listed(tmp_path, *IMAGES)).images == 20
    assert problems(run) == []
    assert info(run.url).planned == 0
    assert run.report.exists()


def test_images_are_named_by_id_or_uri_and_known_when_they_were_removed(run: Run, photos: Path, tmp_path: Path) -> None:
    options = listed(tmp_path, "even/00.png", rows(run.descriptors)["even/02.png"]["uri"])
    assert prune(run.url, options).images == 2
    again = prune(run.url, options)
    assert (again.images, again.already) == (0, 2)
    with pytest.raises(ConfigError, match=r"^1 names in the list are of no image of the run, first 'even/99.png'"):
        prune(run.url, listed(tmp_path, "even/99.png", "even/00.png"))


def test_nothing_gone_is_nothing_to_do(run: Run) -> None:
    before = contents(run)
    done = prune(run.url, PruneConfig(yes=True))
    assert (done.images, done.evaluations) == (0, ())
    assert contents(run) == before


def test_an_emptied_mount_point_is_refused(run: Run, photos: Path) -> None:
    remove(photos, IMAGES)
    with pytest.raises(NotFoundError, match=r"^no images in .*: nothing is removed; if the collection .* --images$"):
        prune(run.url, PruneConfig(yes=True, allow_many=True))
    assert len(ids(run)) == 20


def test_more_than_a_tenth_gone_is_refused(run: Run, photos: Path) -> None:
    remove(photos, IMAGES[:3])
    for yes in (False, True):
        with pytest.raises(ConfigError, match=r"^3 of 20 images are gone, more than a tenth.*--allow-many"):
            prune(run.url, PruneConfig(yes=yes))
    assert len(ids(run)) == 20
    (photos / IMAGES[0]).touch()
    assert prune(run.url, PruneConfig(yes=True)).images == 2


def test_eleven_of_a_hundred_gone_are_refused_and_ten_removed(tmp_path: Path) -> None:
    names = [f"{number:03d}.png" for number in range(100)]
    photos = tmp_path / "photos"
    run = tiny_run(tmp_path / "run", {"osrmac": {name: [1.0] for name in names}}, photos=photos, rows_per_shard=50)
    remove(photos, names[:11])
    with pytest.raises(ConfigError, match=r"^11 of 100 images are gone, more than a tenth"):
        prune(run.url, PruneConfig(yes=True))
    (photos / names[10]).touch()
    assert prune(run.url, PruneConfig(yes=True)).images == 10
    assert len(ids(run)) == 90


def test_a_fit_that_a_prune_overtakes_ends_with_one_error(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planned_before(place: Run, config: ReductionConfig) -> Any:
        plan = plan_of(place, config)
        remove(photos, REMOVED)
        prune(run.url, PruneConfig(allow_many=True, yes=True))
        return plan

    plan_of = fit_module._Plan.of
    monkeypatch.setattr(fit_module._Plan, "of", planned_before)
    with pytest.raises(
        StorageError, match=r"images were removed from .* while it was read: run the same command again"
    ):
        fit_module.fit(run.url, ReductionConfig(select=("pfa",), features=(1,), retained_variance=0.5, baselines=False))


def test_another_collection_is_refused(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.png").touch()
    with pytest.raises(ConfigError, match=r"are not those of the run, for example 'a.png': name the collection"):
        prune(run.url, PruneConfig(images=str(other), yes=True, allow_many=True))
    assert len(ids(run)) == 20


def test_an_unlistable_collection_is_refused(run: Run, photos: Path) -> None:
    photos.rename(photos.with_name("elsewhere"))
    with pytest.raises(NotFoundError, match=r"^no folder .*: nothing is removed; .* name it with --images$"):
        prune(run.url, PruneConfig(yes=True))


def test_a_missing_run_is_refused(tmp_path: Path) -> None:
    for yes in (False, True):
        with pytest.raises(NotFoundError, match="no run at"):
            prune(str(tmp_path / "nowhere"), PruneConfig(yes=yes))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("part", Part)
def test_a_run_that_another_command_writes_is_refused(part: Part, run: Run, tmp_path: Path) -> None:
    with locked(run.location, part), pytest.raises(StorageError, match="in use by process"):
        prune(run.url, listed(tmp_path, "even/00.png"))
    assert len(ids(run)) == 20


def test_copies_outside_of_the_run_are_named(run: Run, tmp_path: Path) -> None:
    copies = {"/exports/one": {"kind": "export", "made": "2026-05-01T12:00:00+00:00"}}
    (run.location / "run.json").write_json(run.record() | {"copies": copies})
    assert prune(run.url, listed(tmp_path, "even/00.png")).copies == copies


def assert_refused(run: Run) -> None:
    """Check that commands refuse to read a run whose prune was interrupted."""
    commands: list[Callable[[], object]] = [
        lambda: search(run.url, ["even/02.png"]),
        lambda: info(run.url),
        lambda: report(run.url),
    ]
    for command in commands:
        with pytest.raises(StorageError, match=r"is being pruned, or a prune was interrupted: osrmac prune"):
            command()


def test_a_prune_that_is_interrupted_again_and_again_is_finished(run: Run, tmp_path: Path) -> None:
    options = listed(tmp_path, *REMOVED)
    shutil.copytree(tmp_path, tmp_path.with_name("other"))
    undisturbed = Run(str(tmp_path.with_name("other") / "run"))
    prune(undisturbed.url, options)
    assert interrupted(run, options, 2)
    assert ids(run) == set(IMAGES)  # the journal was not complete
    attempts = 0
    while interrupted(run, options, 8 + attempts):
        attempts += 1
        assert_refused(run)
    assert attempts >= 3
    assert contents(run) == contents(undisturbed)
    assert problems(run) == []
    assert run.report.exists()


def test_an_interrupted_prune_of_gone_images_is_finished_first(run: Run, photos: Path, tmp_path: Path) -> None:
    assert interrupted(run, listed(tmp_path, "even/00.png"), 4)
    (photos / "even/02.png").unlink()
    done = prune(run.url, PruneConfig(yes=True))
    assert (done.finished, done.images) == (1, 1)
    assert ids(run) == set(IMAGES) - {"even/00.png", "even/02.png"}


@pytest.mark.parametrize("command", ["search", "export", "info", "verify"])
def test_a_reader_that_was_overtaken_by_a_prune_fails_in_one_line(
    command: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = shards.read
    pending = [listed(tmp_path, *REMOVED)]

    def overtaken(*arguments: Any) -> Any:
        result = read(*arguments)
        if pending:
            prune(run.url, pending.pop())
        return result

    monkeypatch.setattr(shards, "read", overtaken)
    monkeypatch.setattr("osrmac.distributed.check.check_shards", lambda *_: iter(()))
    commands: dict[str, Callable[[], object]] = {
        "search": lambda: search(run.url, ["even/00.png"], SearchConfig(top=20)),
        "export": lambda: export(run.url, str(tmp_path / "out"), ExportConfig(to="npy")),
        "info": lambda: info(run.url),
        "verify": lambda: list(verify(run.url)),
    }
    with pytest.raises(OsrmacError, match=r"^images were removed from .* while it was read: run the same command"):
        commands[command]()
    assert not (tmp_path / "out").exists()


def test_a_damaged_shard_is_removed_and_planned(run: Run, tmp_path: Path) -> None:
    plan = next(plan for plan in manifest.shard_plans(run.manifest) if plan.group == 0)
    file = run.descriptors / plan.shard
    file.write_bytes(file.read_bytes()[:-50])
    prune(run.url, listed(tmp_path, "even/00.png"))
    (pending,) = manifest.pending(manifest.shard_plans(run.manifest), run.descriptors)
    assert manifest.read(run.manifest, pending)["id"].to_pylist() == ["even/02.png"]
    assert plan.shard not in {copy.name for copy in shards.paths(run.reduced("osrmac-pfa-2"))}
