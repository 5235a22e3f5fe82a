import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from osrmac.cli.output import info_tables, show
from osrmac.commands.extract import _note_left_out, extract
from osrmac.commands.info import info
from osrmac.commands.report import report
from osrmac.config import CollectionConfig, ComputeConfig, DescriptorConfig
from osrmac.descriptor.describer import Describer, Description
from osrmac.distributed.describe import describe
from osrmac.distributed.worker import STAGES
from osrmac.errors import ConfigError, StorageError
from osrmac.runs.identity import identify
from osrmac.storage import manifest, schema, shards
from osrmac.storage.listing.skipped import Skipped
from osrmac.storage.location import Location
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Run
from tests.committed import rows


def vectors(run: Run) -> NDArray[np.float32]:
    return shards.read_vectors(shards.paths(run.descriptors), "osrmac").values


def test_every_planned_image_has_one_row(finished: Run) -> None:
    found = rows(finished.descriptors)
    assert set(found) == set(manifest.read_all(finished.manifest, ["id"])["id"].to_pylist())
    failures = {name: (row["error_stage"], row["osrmac"]) for name, row in found.items() if row["status"] == "failed"}
    assert failures == dict.fromkeys(("empty.jpg", "page.jpg", "cut.png"), ("decode", None))
    assert found["empty.jpg"]["error"] == "the file is empty"
    assert (found["odd/03.png"]["width"], found["odd/03.png"]["height"]) == (111, 120)
    assert finished.record()["counts"] == {"planned": 29, "ok": 26, "failed": 3}


def test_the_record_has_the_nodes(finished: Run) -> None:
    (only,) = finished.record()["stages"]["extract"]["nodes"]
    assert only.pop("seconds") >= 0
    assert only == {"nodes": 1, "cpus": 2.0, "gpus": 0.0, "accelerators": []}


def test_the_record_has_the_time_of_each_stage(finished: Run) -> None:
    stage = finished.record()["stages"]["extract"]
    command, describing = stage["profile"]["command"], stage["profile"]["describing"]
    assert set(command) == {"weights", "plan", "describe", "summary"}
    assert sum(command.values()) == pytest.approx(stage["seconds"], abs=1e-3)
    assert tuple(describing) == STAGES
    assert all(seconds > 0 for seconds in describing.values())
    processes = stage["profile"]["processes"]
    assert 1 <= processes <= 2  # one may be done before the other has started
    assert sum(describing.values()) < processes * command["describe"]


def test_rows_hold_what_the_describer_computes(finished: Run, photos: Path, small: DescriptorConfig) -> None:
    describer = Describer.load(small)
    found = rows(finished.descriptors)
    for name in ("even/00.png", "odd/19.png"):
        (expected,) = describer([(photos / name).read_bytes()])
        assert isinstance(expected, Description)
        for recipe, vector in expected.vectors.items():
            np.testing.assert_allclose(np.array(found[name][recipe]), vector, atol=1e-5)


def test_the_shards_have_the_schema_of_the_run(finished: Run) -> None:
    fingerprint = finished.identity().fingerprint
    expected = schema.descriptors({"single": 512, "early": 512, "osrmac": 768, "osrmac_local": 768}, fingerprint)
    for shard in shards.paths(finished.descriptors):
        assert shards.read(shard).schema.equals(expected)
        metadata = shards.read_metadata(shard)
        assert (metadata["osrmac.fingerprint"], metadata["osrmac.generation"]) == (fingerprint, "0")


@pytest.mark.integration
def test_two_workers_compute_the_same_bits_as_one(
    finished: Run, photos: Path, tmp_path: Path, small: DescriptorConfig
) -> None:
    run = Run(str(tmp_path / "run"))
    extract(str(photos), run.url, small, ComputeConfig(workers=2))
    np.testing.assert_array_equal(vectors(run), vectors(finished))


def test_a_finished_run_is_left_as_it_is(run: Run, photos: Path, small: DescriptorConfig) -> None:
    before = {shard: Path(shard).stat().st_mtime_ns for shard in shards.paths(run.descriptors)}
    again = extract(str(photos), run.url, small)
    assert (again.described, again.failed, again.new) == (26, 3, 0)
    assert before == {shard: Path(shard).stat().st_mtime_ns for shard in shards.paths(run.descriptors)}


def test_only_missing_images_are_described(
    run: Run,
    photos: Path,
    small: DescriptorConfig,
    one_worker: ComputeConfig,
) -> None:
    complete = rows(run.descriptors)
    for shard in shards.paths(run.descriptors)[:2]:
        Path(shard).unlink()
    assert extract(str(photos), run.url, small, one_worker).new == 2
    assert rows(run.descriptors) == complete


@pytest.mark.integration
def test_crops_and_missing_files_are_described_or_fail_row_by_row(
    photos: Path, tmp_path: Path, small: DescriptorConfig, one_worker: ComputeConfig
) -> None:
    identity, weights = identify(small)
    file, box = photos / "even" / "00.png", (10.0, 20.0, 70.0, 80.0)
    requests = pa.Table.from_pylist(
        [
            {"id": "whole", "uri": str(file)},
            {"id": "part", "uri": str(file), "box": box},
            {"id": "outside", "uri": str(file), "box": (500, 500, 600, 600)},
            {"id": "gone", "uri": str(photos / "gone.png")},
        ],
        schema=schema.QUERIES,
    )
    manifest.update(Location.of(tmp_path / "manifest"), Location.of(tmp_path), [requests], lambda *_: 1)
    assert describe(Location.of(tmp_path / "manifest"), Location.of(tmp_path), identity, weights, one_worker).rows == 4
    found = rows(Location.of(tmp_path))
    whole, part = Describer.load(small)([file.read_bytes()] * 2, [None, box])
    assert isinstance(whole, Description)
    assert isinstance(part, Description)
    np.testing.assert_allclose(np.array(found["whole"]["osrmac"]), whole.vectors["osrmac"], atol=1e-5)
    np.testing.assert_allclose(np.array(found["part"]["osrmac"]), part.vectors["osrmac"], atol=1e-5)
    assert (found["outside"]["status"], found["outside"]["error_stage"]) == ("failed", "crop")
    assert (found["gone"]["status"], found["gone"]["error_stage"]) == ("failed", "fetch")
    assert found["gone"]["error"].startswith("FileNotFoundError")


def test_other_settings_in_the_same_run_are_refused(run: Run, photos: Path, small: DescriptorConfig) -> None:
    with pytest.raises(StorageError, match="scales"):
        extract(str(photos), run.url, replace(small, image_sizes=(96,)))


def test_nothing_is_written_with_invalid_settings(photos: Path, tmp_path: Path, small: DescriptorConfig) -> None:
    with pytest.raises(ConfigError, match="unknown recipe"):
        extract(str(photos), str(tmp_path / "run"), replace(small, recipes=("best",)))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "compute", [ComputeConfig(workers=3), ComputeConfig(workers=2, threads=2), ComputeConfig(threads=4)]
)
def test_workers_that_leave_no_cpu_for_readers_are_refused(
    photos: Path, tmp_path: Path, small: DescriptorConfig, compute: ComputeConfig
) -> None:
    with pytest.raises(ConfigError, match="do not fit into 2 CPUs"):
        extract(str(photos), str(tmp_path / "run"), small, compute)


def test_a_missing_gpu_is_refused(photos: Path, tmp_path: Path, small: DescriptorConfig) -> None:
    with pytest.raises(ConfigError, match="no GPU"):
        extract(str(photos), str(tmp_path / "run"), small, ComputeConfig(device="cuda"))


def test_images_that_were_removed_and_are_listed_are_noted(capsys: pytest.CaptureFixture[str]) -> None:
    changes = Changes(new=0, changed=0, removed=0, pruned=3)
    _note_left_out(changes, CollectionConfig(), Skipped())
    assert capsys.readouterr().err == (
        "3 listed images were removed by osrmac prune and are left out: --restore-removed describes them again\n"
    )
    _note_left_out(changes, CollectionConfig(restore_removed=True), Skipped())
    _note_left_out(Changes(new=0, changed=0, removed=0), CollectionConfig(), Skipped())
    assert capsys.readouterr().err == ""


def test_what_the_listing_passes_over_is_noted_once_and_kept_until_the_next_one(
    run: Run, own_photos: Path, small: DescriptorConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("IMG_1.NEF", "IMG_2.nef", "notes.xmp"):
        (own_photos / name).touch()
    passed_over = {".nef": 2, ".xmp": 1}
    line = "2 .nef (camera raw: convert to JPEG or TIFF first), 1 .xmp"

    done = extract(str(own_photos), run.url, small)

    assert capsys.readouterr().err.count(f"skipped: {line}\n") == 1
    assert done.new == 0
    assert done.skipped == done.to_json()["skipped"] == run.record()["skipped"] == passed_over
    assert info(run.url).skipped == info(run.url).to_json()["skipped"] == passed_over
    show(*info_tables(info(run.url)))
    assert "2 .nef" in capsys.readouterr().out
    report(run.url)
    assert html.escape(line) in run.report.read_bytes().decode()

    for name in ("IMG_1.NEF", "IMG_2.nef", "notes.xmp"):
        (own_photos / name).unlink()
    assert extract(str(own_photos), run.url, small).skipped == run.record()["skipped"] == {}
    assert "skipped" not in capsys.readouterr().err
