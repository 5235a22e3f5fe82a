from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.commands.copies import list_copies, note_stale_exports, record_export, record_page
from osrmac.reduction.base import Selection
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.runs.reductions.stored import write_reduction
from osrmac.storage import manifest
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

VECTORS = {f"{number}.jpg": [number, 1, 2] for number in range(4)}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"osrmac": VECTORS})


@pytest.fixture
def selection(run: Run) -> Selection:
    fitted = Selection(
        name="osrmac-pfa-2",
        method="pfa",
        recipe="osrmac",
        features_in=3,
        seed=0,
        samples=4,
        fitted_on="/photos",
        fingerprint=run.identity().fingerprint,
        indices=(0, 2),
    )
    write_reduction(run, fitted)
    return fitted


def states(run: Run, described: int | None = 4) -> list[tuple[str, str]]:
    return [(copy.state, copy.reason) for copy in list_copies(run, described)]


@pytest.fixture
def exported(run: Run, selection: Selection, tmp_path: Path) -> Path:
    """An export of the reduction."""
    (tmp_path / "out").mkdir()
    record_export(run, str(tmp_path / "out"), selection.name, digest(selection), 4)
    return tmp_path / "out"


def test_an_export_is_current_until_the_reduction_is_fitted_again(
    run: Run, selection: Selection, exported: Path
) -> None:
    assert states(run) == [("current", "")]
    write_reduction(run, replace(selection, indices=(0, 1)))
    assert states(run) == [("stale", "of an earlier osrmac-pfa-2")]
    write_reduction(run, selection)
    assert states(run) == [("current", "")]


@pytest.mark.usefixtures("exported")
def test_an_export_is_stale_where_images_were_added(run: Run) -> None:
    assert states(run, described=5) == [("stale", "the run has 5 images, it has 4")]
    assert states(run, described=None) == [("current", "")]


@pytest.mark.usefixtures("exported")
def test_an_export_is_stale_where_images_have_changed(run: Run) -> None:
    manifest.replan(run.manifest, ["1.jpg"])
    assert states(run) == [("stale", "images have been described again since")]


def test_what_has_been_deleted_is_gone(run: Run, exported: Path) -> None:
    exported.rmdir()
    assert states(run, described=5) == [("gone", "")]


def test_an_export_of_a_whole_descriptor_does_not_depend_on_reductions(
    run: Run, selection: Selection, tmp_path: Path
) -> None:
    record_export(run, str(tmp_path), "osrmac", None, 4)
    write_reduction(run, replace(selection, indices=(0, 1)))
    assert states(run) == [("current", "")]


def test_a_contact_sheet_is_recorded_and_not_judged(run: Run, selection: Selection, tmp_path: Path) -> None:
    (tmp_path / "sheet.html").touch()
    record_page(run, str(tmp_path / "sheet.html"), "contact sheet", "osrmac-pfa-2+cam", 3)
    (copy,) = list_copies(run, described=5)
    assert (copy.kind, copy.method, copy.images, copy.state) == ("contact sheet", "osrmac-pfa-2+cam", 3, "current")
    assert copy.digest == digest(selection)


def test_stale_exports_are_counted_in_one_note(
    run: Run, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note_stale_exports(run, 4)
    assert capsys.readouterr().err == ""
    note_stale_exports(run, 5)
    line = f"1 export is stale, first {exported} (the run has 5 images, it has 4): see osrmac info\n"
    assert capsys.readouterr().err == line
    record_export(run, str(tmp_path), "osrmac", None, 4)
    note_stale_exports(run, 5)
    assert capsys.readouterr().err.startswith(f"2 exports are stale, first {tmp_path} (")


def test_a_run_without_copies_is_not_read_further(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(manifest, "shard_plans")
    assert states(run) == []
