from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.runs.index.stored import load_index
from osrmac.runs.integrity import check_file, check_indexes, check_plan, check_shard, other_files
from osrmac.storage import manifest, shards
from osrmac.storage.run import Run
from tests.prunable_run import prunable_run
from tests.tiny_run import tiny_run

FAILED = {"broken.jpg": ("decode", "the file is empty")}


def run_of(folder: Path, *vector: float) -> Run:
    return tiny_run(folder, {"single": {"a.jpg": vector}}, failed=FAILED)


def problems(run: Run) -> list[str]:
    (plan,) = manifest.shard_plans(run.manifest)
    return [problem.removeprefix(f"{plan.shard} ") for problem in check_shard(run, run.identity(), plan)]


@pytest.mark.parametrize("vector", [(0.6, 0.8), (0.0, 0.0)])
def test_a_shard_of_unit_or_zero_vectors_is_sound(tmp_path: Path, vector: tuple[float, float]) -> None:
    assert problems(run_of(tmp_path, *vector)) == []


@pytest.mark.parametrize(
    ("vector", "problem"),
    [
        ((1.0, 1.0), "has parts of single that are not of unit norm"),
        ((float("inf"), 0.0), "has values of single that are not finite"),
    ],
)
def test_a_vector_that_is_not_sound_is_reported(tmp_path: Path, vector: tuple[float, float], problem: str) -> None:
    assert problems(run_of(tmp_path, *vector)) == [problem]


def test_the_overview_is_checked_too(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0.6, 0.8)
    run.overview.write_bytes(b"no table")
    (file,) = other_files(run)
    assert (check_file(file) or "").endswith("remove it and run osrmac overview again")


def test_the_files_of_an_index_are_checked_too(tmp_path: Path) -> None:
    run = prunable_run(tmp_path)
    index = load_index(run, "osrmac-pfa-2")
    assert index is not None
    folder = run.index("osrmac-pfa-2")
    assert [file for file in other_files(run) if file.url.startswith(folder.url)] == sorted(
        folder / name for name in ("index.json", *index.files)
    )
    first, second = (folder / part.file for part in index.parts[:2])
    assert check_file(first) is None
    first.write_bytes(first.read_bytes()[:-1])
    assert (check_file(first) or "").endswith("remove it and run osrmac index again")
    second.remove()
    assert list(check_indexes(run)) == [f"{second} is missing: run osrmac index again"]
    (folder / "index.json").write_bytes(b"")
    assert "index.json is damaged" in (check_file(folder / "index.json") or "")
    assert list(check_indexes(run)) == []


def test_a_failed_row_needs_a_reason(tmp_path: Path) -> None:
    run = run_of(tmp_path, 1.0, 0.0)
    (shard,) = shards.paths(run.descriptors)
    rows = shards.read(shard)
    column = rows.column_names.index("error")
    field = rows.schema.field(column)
    shards.write_table(shard, rows.set_column(column, field, pa.nulls(rows.num_rows, field.type)))
    assert problems(run) == ["has a failed row without stage and reason"]


def test_a_damaged_shard_is_reported_in_one_line(tmp_path: Path) -> None:
    run = run_of(tmp_path, 1.0, 0.0)
    (shard,) = shards.paths(run.descriptors)
    shard.write_bytes(b"damaged")
    (problem,) = problems(run)
    assert problem.startswith(f"{shard} is damaged (")
    assert problem.endswith("remove it and run the same osrmac extract again, which describes its images again")
    assert "\n" not in problem


def test_repeated_ids_and_unplanned_shards_are_reported(tmp_path: Path) -> None:
    run = run_of(tmp_path, 1.0, 0.0)
    planned = manifest.shard_plans(run.manifest)
    assert list(check_plan(run, planned)) == []
    (part,) = shards.paths(run.manifest)
    (run.manifest / "part-00009.parquet").write_bytes(part.read_bytes())
    (run.descriptors / "part-stray.parquet").write_bytes(b"")
    assert list(check_plan(run, planned)) == [
        "2 ids are planned more than once, first a.jpg",
        "part-stray.parquet is no shard of the plan",
    ]
