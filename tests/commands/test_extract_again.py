"""Extraction into a run that exists, and of collections with bad images."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from osrmac.commands.export import export
from osrmac.commands.extract import extract
from osrmac.commands.fit import fit
from osrmac.commands.search import search
from osrmac.config import ComputeConfig, DescriptorConfig, ExportConfig, FailureConfig, ReductionConfig
from osrmac.errors import FailureRateError, StorageError
from osrmac.storage import shards
from osrmac.storage.lock import Part, locked
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Run
from tests.committed import described, rows
from tests.zoo import LIMIT, zoo

COMPUTE = ComputeConfig(workers=1, shard_rows=4)


@pytest.mark.integration
def test_failed_images_are_described_again_on_request(
    own_photos: Path, own_run: Run, small: DescriptorConfig, make_picture: Callable[[int], bytes]
) -> None:
    before, first = rows(own_run.descriptors), own_run.record()["stages"]["extract"]
    (own_photos / "cut.png").write_bytes(make_picture(99))
    os.utime(own_photos / "cut.png", (0, 0))
    retried = extract(str(own_photos), own_run.url, small, COMPUTE, FailureConfig(retry_failed=True))
    assert (retried.described, retried.failed) == (27, 2)
    last = own_run.record()["stages"]["extract"]
    assert (first["total"]["images"], last["images"], last["total"]["images"]) == (29, retried.new, 29 + retried.new)
    assert last["total"]["seconds"] == pytest.approx(first["seconds"] + last["seconds"])
    after = rows(own_run.descriptors)
    assert after["cut.png"]["status"] == "ok"
    assert described(after) | {"cut.png": None} == described(before) | {"cut.png": None}


def reduced_vectors(run: Run) -> dict[str, list[float]]:
    tables = [shards.read(shard) for shard in shards.paths(run.reduced("osrmac-pfa-32"))]
    return {row["id"]: row["vector"] for table in tables for row in table.to_pylist()}


@pytest.mark.integration
def test_changed_and_new_images_are_described(
    own_photos: Path,
    own_run: Run,
    tmp_path: Path,
    small: DescriptorConfig,
    make_picture: Callable[[int], bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = ReductionConfig(select=("pfa",), features=(32,), retained_variance=0.8, baselines=False)
    first = fit(own_run.url, config)
    export(own_run.url, str(tmp_path / "out"), ExportConfig(to="npy"))
    before, reduced = rows(own_run.descriptors), reduced_vectors(own_run)
    (own_photos / "odd" / "03.png").write_bytes(make_picture(50))
    (own_photos / "new.png").write_bytes(make_picture(3))
    (own_photos / "copy0.png").unlink()
    again = extract(str(own_photos), own_run.url, small, COMPUTE)
    assert again.changes == Changes(new=1, changed=1, removed=1, moved=27)
    after = rows(own_run.descriptors)
    assert after.keys() == before.keys() | {"new.png"}
    assert after["new.png"]["osrmac"] == before["odd/03.png"]["osrmac"] != after["odd/03.png"]["osrmac"]
    same = before.keys() - {"odd/03.png"}
    assert {name: described(after)[name] for name in same} == {name: described(before)[name] for name in same}

    # The export says that it is stale, the reduction is kept, and a search finds the new image by it.
    assert f"1 export is stale, first {tmp_path}/out (the run has 27 images, it has 26)" in capsys.readouterr().err
    assert "new.png" in [match.id for match in search(own_run.url, ["copy3.png"]).queries[0].matches[:3]]
    assert fit(own_run.url, config) == first
    whole = shards.read_vectors(shards.paths(own_run.descriptors), "osrmac")
    found = reduced_vectors(own_run)
    assert found.keys() == set(whole.ids) == reduced.keys() | {"new.png"}
    assert [name for name in reduced if found[name] != reduced[name]] == ["odd/03.png"]
    np.testing.assert_array_equal([found[name] for name in whole.ids], first[0].apply(whole.values))


@pytest.mark.integration
def test_an_extraction_stops_when_too_many_images_fail_and_can_be_continued(
    tmp_path: Path, small: DescriptorConfig, make_picture: Callable[[int], bytes]
) -> None:
    folder, run = tmp_path / "photos", Run(str(tmp_path / "run"))
    folder.mkdir()
    for number in range(160):
        (folder / f"{number:03d}.png").write_bytes(b"" if number < 120 else make_picture(number % 10))
    with pytest.raises(FailureRateError, match=r"failed, more than --max-failure-rate 0.5 allows") as caught:
        extract(str(folder), run.url, small, COMPUTE)
    assert "\n" not in str(caught.value)
    committed = rows(run.descriptors)
    assert 100 <= len(committed) < 160
    done = extract(str(folder), run.url, small, COMPUTE, FailureConfig(max_failure_rate=1))
    assert (done.described, done.failed, done.new) == (40, 120, 160 - len(committed))


def test_a_locked_run_is_refused(photos: Path, run: Run, small: DescriptorConfig) -> None:
    with locked(run.location, Part.DESCRIPTORS), pytest.raises(StorageError, match="in use by process"):
        extract(str(photos), run.url, small)


@pytest.mark.integration
def test_every_kind_of_good_and_bad_image_has_one_row(
    tmp_path: Path, small: DescriptorConfig, one_worker: ComputeConfig
) -> None:
    folder, run = tmp_path / "zoo", Run(str(tmp_path / "run"))
    folder.mkdir()
    animals = zoo()
    for name, (content, _) in animals.items():
        (folder / f"{name}.jpg").write_bytes(content)
    (folder / "folder.jpg").mkdir()
    (folder / "nowhere.jpg").symlink_to(folder / "missing")
    failures = FailureConfig(max_failure_rate=1)
    extract(str(folder), run.url, replace(small, max_pixels=LIMIT), one_worker, failures)
    found = rows(run.descriptors)
    sizes = {name: (row["width"], row["height"]) if row["status"] == "ok" else None for name, row in found.items()}
    assert sizes.pop("nowhere.jpg") is None
    assert sizes == {f"{name}.jpg": size for name, (_, size) in animals.items()}
    assert {row["error_stage"] for name, row in found.items() if sizes.get(name) is None} <= {"decode", "fetch"}
