import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from osrmac.cli import main
from osrmac.commands.verify import verify
from osrmac.errors import StorageError
from osrmac.storage import manifest, shards
from osrmac.storage.run import Run


def test_a_finished_run_has_no_problems(finished: Run) -> None:
    assert list(verify(finished.url)) == []


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no run"):
        list(verify(str(tmp_path)))


def change_column(column: str, change: Callable[[list[Any]], None]) -> Callable[[pa.Table], pa.Table]:
    """Return a function that changes the values of a column."""

    def apply(rows: pa.Table) -> pa.Table:
        values = rows[column].to_pylist()
        change(values)
        index = rows.column_names.index(column)
        return rows.set_column(index, rows.schema.field(index), pa.array(values, rows.schema.field(index).type))

    return apply


def scale(values: list[Any]) -> None:
    values[0] = [2 * value for value in values[0]]


def spoil(values: list[Any]) -> None:
    values[0] = [np.nan, *values[0][1:]]


def lose(values: list[Any]) -> None:
    values[0] = None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_column("osrmac", scale), "has parts of osrmac that are not of unit norm"),
        (change_column("early", spoil), "has values of early that are not finite"),
        (change_column("single", lose), "has single where an image failed, or lacks it"),
        (lambda rows: rows.slice(0, 0), "does not hold the 1 planned ids once each, but 0 rows"),
        (lambda rows: pa.concat_tables([rows, rows]), "does not hold the 1 planned ids once each, but 2 rows"),
        (lambda rows: rows.replace_schema_metadata({"osrmac.fingerprint": "other"}), "has another fingerprint"),
        (lambda rows: rows.drop_columns(["early"]), "has other columns"),
    ],
)
def test_a_problem_of_a_shard_is_named(run: Run, damage: Callable[[pa.Table], pa.Table], message: str) -> None:
    shard = next(
        plan.shard
        for plan in manifest.shard_plans(run.manifest)
        if manifest.read(run.manifest, plan)["id"][0].as_py() == "copy1.png"
    )
    rows = shards.read(run.descriptors / shard)
    shards.write(run.descriptors, damage(rows), shard)
    (problem,) = verify(run.url)
    assert problem.startswith(f"{shard} {message}")


def test_damaged_missing_and_stray_shards_are_named(run: Run) -> None:
    first, second, third = shards.paths(run.descriptors)[:3]
    content = Path(first).read_bytes()
    Path(first).write_bytes(content[: len(content) // 2])
    Path(second).unlink()
    Path(third).with_name("part-stray.parquet").write_bytes(Path(third).read_bytes())
    problems = list(verify(run.url))
    assert len(problems) == 3
    assert problems[0] == "part-stray.parquet is no shard of the plan"
    assert problems[1].startswith("1 planned images are not described yet, in 1 shards")
    assert problems[2].startswith(f"{first} is damaged (")
    assert "remove it and run the same osrmac extract again" in problems[2]
    assert all("\n" not in problem for problem in problems)


def test_images_that_are_planned_twice_are_named(run: Run) -> None:
    (part,) = shards.paths(run.manifest)
    Path(part).with_name("part-00001.parquet").write_bytes(Path(part).read_bytes())
    assert next(verify(run.url)).startswith("29 ids are planned more than once, first copy0.png")


def test_the_command_prints_the_problems_and_fails(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    main(["verify", run.url])
    assert capsys.readouterr() == (f"{run.url} has no problems\n", "")
    Path(shards.paths(run.descriptors)[0]).unlink()
    with pytest.raises(SystemExit) as caught:
        main(["verify", run.url, "--format", "json"])
    shown = capsys.readouterr()
    assert caught.value.code == 1
    assert json.loads(shown.out)["problem"].startswith("1 planned images are not described yet")
    assert shown.err.startswith(f"osrmac: {run.url} has 1 problems")
