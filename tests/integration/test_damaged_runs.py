"""Extraction into a run whose files are damaged, lost, or not its own."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.commands.extract import extract
from osrmac.commands.fit import fit
from osrmac.commands.verify import verify
from osrmac.config import ComputeConfig, DescriptorConfig, ReductionConfig
from osrmac.errors import DamagedFileError, StorageError
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.committed import rows

pytestmark = pytest.mark.integration

COMPUTE = ComputeConfig(workers=1, shard_rows=4)


def truncate(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-100])


def empty(shard: Path) -> None:
    shard.write_bytes(b"")


def lose_rows(shard: Path) -> None:
    table = shards.read(Run(str(shard.parent.parent)).descriptors / shard.name)
    shards.write(Run(str(shard.parent.parent)).descriptors, table.slice(0, 1), shard.name)


@pytest.mark.parametrize("damage", [truncate, empty, lose_rows])
def test_the_images_of_a_damaged_shard_are_described_again(
    photos: Path,
    own_run: Run,
    small: DescriptorConfig,
    damage: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = rows(own_run.descriptors)
    first = Path(shards.paths(own_run.descriptors)[0])
    images = shards.footer(own_run.descriptors / first.name).num_rows
    damage(first)
    again = extract(str(photos), own_run.url, small, COMPUTE)
    assert f"1 damaged shards, first {first.name}: their images are described again" in capsys.readouterr().err
    assert (again.described, again.failed, again.new) == (26, 3, images)
    assert rows(own_run.descriptors) == before


def test_a_damaged_value_is_found_where_it_is_read(photos: Path, own_run: Run, small: DescriptorConfig) -> None:
    before = rows(own_run.descriptors)
    first = Path(shards.paths(own_run.descriptors)[0])
    images = shards.footer(own_run.descriptors / first.name).num_rows
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1  # in the middle are vectors
    first.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"remove it and run the same osrmac extract again") as caught:
        rows(own_run.descriptors)
    assert str(first) in str(caught.value)
    assert str(first) in next(iter(verify(own_run.url)))
    first.unlink()  # as the message says
    assert extract(str(photos), own_run.url, small, COMPUTE).new == images
    assert rows(own_run.descriptors) == before


def test_a_stray_shard_is_refused(photos: Path, own_run: Run, small: DescriptorConfig) -> None:
    first = Path(shards.paths(own_run.descriptors)[0])
    stray = first.with_name("part-copy.parquet")
    shutil.copy(first, stray)
    with pytest.raises(StorageError, match=r"1 shards in .* are not in .*, first part-copy.parquet"):
        extract(str(photos), own_run.url, small, COMPUTE)
    stray.unlink()
    assert extract(str(photos), own_run.url, small, COMPUTE).new == 0


def test_a_lost_part_of_the_plan_is_noticed_before_its_images_get_second_rows(
    own_photos: Path, own_run: Run, small: DescriptorConfig, make_picture: Callable[[int], bytes]
) -> None:
    (own_photos / "new.png").write_bytes(make_picture(3))
    extract(str(own_photos), own_run.url, small, COMPUTE)
    before = rows(own_run.descriptors)
    lost, _ = (Path(part) for part in shards.paths(own_run.manifest))
    content = lost.read_bytes()
    lost.unlink()
    (own_photos / "newer.png").write_bytes(make_picture(4))
    with pytest.raises(StorageError, match=r"^8 shards in .* restore the lost part of the manifest from a copy"):
        extract(str(own_photos), own_run.url, small, COMPUTE)
    shutil.rmtree(lost.parent)
    with pytest.raises(StorageError, match=r"^9 shards in"):
        extract(str(own_photos), own_run.url, small, COMPUTE)
    assert rows(own_run.descriptors) == before
    assert len(content) > 0


def test_a_lost_record_is_written_again_for_the_same_settings_only(
    photos: Path, own_run: Run, small: DescriptorConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    before, record = rows(own_run.descriptors), own_run.record()
    Path(own_run.location / "run.json").unlink()
    with pytest.raises(StorageError, match=r"run.json is lost, and .* made with other settings or weights"):
        extract(str(photos), own_run.url, replace(small, weights="random:1"), COMPUTE)
    assert not own_run.exists()
    assert extract(str(photos), own_run.url, small, COMPUTE).new == 0
    assert "run.json was lost" in capsys.readouterr().err
    assert rows(own_run.descriptors) == before
    assert own_run.record() == record | {"stages": {}}


@pytest.mark.parametrize("lines", ["all", "without digest"])
def test_an_edited_record_is_refused(photos: Path, own_run: Run, small: DescriptorConfig, lines: str) -> None:
    file = Path(own_run.location / "run.json")
    record = json.loads(file.read_text())
    record["identity"]["weights"] = "of another network"
    if lines == "without digest":
        del record["sha256"]
    file.write_text(json.dumps(record))
    with pytest.raises(DamagedFileError, match=r"run.json is damaged .* restore it from a copy, or remove it and run"):
        extract(str(photos), own_run.url, small, COMPUTE)
    file.unlink()  # as the message says
    assert extract(str(photos), own_run.url, small, COMPUTE).new == 0


def test_a_reformatted_record_is_accepted(own_run: Run) -> None:
    file = Path(own_run.location / "run.json")
    before = own_run.record()
    file.write_text(json.dumps(json.loads(file.read_text())))
    assert own_run.record() == before


def test_unfinished_writes_of_killed_processes_are_removed(photos: Path, own_run: Run, small: DescriptorConfig) -> None:
    unfinished = [
        Path(folder / f".{name}.{'0' * 32}")
        for folder, name in [(own_run.manifest, "part-00000.parquet"), (own_run.descriptors, "part-1.parquet")]
    ]
    for file in unfinished:
        file.write_bytes(b"half")
    extract(str(photos), own_run.url, small, COMPUTE)
    assert not any(file.exists() for file in unfinished)


def test_a_fit_counts_the_descriptors_that_are_there(own_run: Run) -> None:
    record = Path(own_run.location / "run.json")
    counts = own_run.record() | {"counts": {"ok": 10}}
    (own_run.location / record.name).write_json(counts)
    (found,) = fit(own_run.url, ReductionConfig(select=("pfa",), features=(8,), retained_variance=0.8, baselines=False))
    assert found.samples == 26
