import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.config import DescriptorConfig, FailureConfig, FetchConfig, canonical
from osrmac.errors import NotFoundError, StorageError
from osrmac.storage.location import Location
from osrmac.storage.pruning.journal import Facts, Journal
from osrmac.storage.run import Identity, Run


def identity(config: DescriptorConfig = DescriptorConfig()) -> Identity:
    values = canonical(config, layers=("layer4", "layer3"), weights="digest")
    parts = {"osrmac": (2048, 1024), "rmac_regions": (2048,)}
    return Identity(config, values, "resnet50 IMAGENET1K_V1", parts, regional=("rmac_regions",))


def opened_run(folder: Path) -> Run:
    run = Run(str(folder))
    run.open(identity(), "/photos", {"ray": "2"})
    return run


def test_a_run_records_the_identity_of_its_descriptors(tmp_path: Path) -> None:
    run = opened_run(tmp_path)
    assert run.identity() == identity()
    assert run.identity().dimensions == run.record()["dimensions"] == {"osrmac": 3072, "rmac_regions": 2048}
    assert run.record()["fingerprint"] == identity().fingerprint
    assert run.record()["images"] == "/photos"


def test_a_run_is_continued_with_the_same_settings(tmp_path: Path) -> None:
    run = opened_run(tmp_path)
    run.set_counts({"planned": 3, "ok": 2, "failed": 1})
    run.finish_stage("extract", 1.5, images=3)
    run.open(identity(), "/photos", {"ray": "2"})
    assert run.record()["counts"] == {"planned": 3, "ok": 2, "failed": 1}
    assert run.record()["stages"]["extract"]["seconds"] == 1.5


def test_a_run_records_what_was_written_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = opened_run(tmp_path / "run")
    assert run.copies() == {}
    monkeypatch.chdir(tmp_path)
    run.record_copy("out", "export", method="osrmac", digest=None, images=2)
    run.record_copy("https://me:secret@host/sheet.html", "contact sheet", method="osrmac", images=3)
    run.record_copy("caf\udce9.html", "contact sheet", method="osrmac", images=1)
    run.open(identity(), "/photos", {"ray": "2"})
    found = run.copies()
    assert list(found) == [f"{tmp_path}/out", "https://host/sheet.html", f"file://{tmp_path}/caf%E9.html"]
    made = found[f"{tmp_path}/out"].pop("made")
    assert datetime.datetime.fromisoformat(made).tzinfo is not None
    assert found[f"{tmp_path}/out"] == {"kind": "export", "method": "osrmac", "digest": None, "images": 2}
    run.record_copy("out", "export", method="early", digest="d", images=2)
    assert run.copies()[f"{tmp_path}/out"]["method"] == "early"
    record = run.record()
    del record["copies"]  # as in runs of earlier versions
    Location.of(tmp_path / "run" / "run.json").write_json(record)
    assert run.copies() == {}


def test_a_run_keeps_the_limits_of_reading(tmp_path: Path) -> None:
    run = opened_run(tmp_path)
    assert run.reading() == FetchConfig()
    run.open(identity(), "/photos", {}, FailureConfig(max_bytes=7, public_http_only=True, attempts=3))
    assert run.reading() == FetchConfig(max_bytes=7, public_http_only=True)
    record = run.record()
    del record["reading"]  # as in runs of version 0.1.0
    Location.of(tmp_path / "run.json").write_json(record)
    assert run.reading() == FetchConfig()


def test_a_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(NotFoundError, match=r"photo.jpg is a file, not the folder of a run"):
        Run(str(tmp_path / "photo.jpg")).record()
    assert not Run(str(tmp_path / "photo.jpg")).exists()


def test_other_settings_are_refused_with_the_differences(tmp_path: Path) -> None:
    run = opened_run(tmp_path)
    other = identity(replace(DescriptorConfig(), image_sizes=(800,)))
    with pytest.raises(StorageError) as caught:
        run.open(other, "/photos", {})
    assert "scales is [1050, 800, 550] there and [800] here" in str(caught.value)
    assert "backbone" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="osrmac extract"):
        Run(str(tmp_path)).record()


def test_a_run_of_another_format_is_refused(tmp_path: Path) -> None:
    run = opened_run(tmp_path)
    Location.of(tmp_path / "run.json").write_json(run.record() | {"format": 99})
    with pytest.raises(StorageError, match="format 99"):
        run.record()


def test_selections_are_read_in_order_of_name(tmp_path: Path) -> None:
    run = Run(str(tmp_path))
    assert run.selections() == {}
    run.selection("b").write_json({"name": "b"})
    run.selection("a").write_json({"name": "a"})
    assert list(run.selections().items()) == [("a", {"name": "a"}), ("b", {"name": "b"})]


def test_a_run_that_is_being_pruned_is_read_by_the_prune_alone(tmp_path: Path) -> None:
    run = opened_run(tmp_path)
    Journal(run.location).write([], Facts(1, 1))
    for read in (run.record, run.identity, run.reading, run.copies):
        with pytest.raises(StorageError, match="is being pruned, or a prune was interrupted"):
            read()
    assert Run(str(tmp_path), pruning=True).copies() == {}


def test_copies_are_those_that_commands_recorded(tmp_path: Path) -> None:
    run = opened_run(tmp_path)
    copies = {"/out": {"kind": "export"}}
    Location.of(tmp_path / "run.json").write_json(run.record() | {"copies": copies})
    assert run.copies() == copies
