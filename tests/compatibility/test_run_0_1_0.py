"""A run made by version 0.1.0 and killed during an extension is continued, scored and searched by this version.

It was made from `all.csv`, whose URIs are data URIs of the images:

    osrmac extract first.csv --run run --backbone efficientnet_lite0 --recipes osrmac osrmac_local msrmac \
        --scales 96 64 --actors 1 --shard-rows 2
    osrmac fit --run run --features 32 --whitening 4
    osrmac weigh --run run --recipe msrmac --layer-weights 1 0.5
    osrmac evaluate --run run --benchmark groups --ground-truth groups.csv
    osrmac evaluate --run run --benchmark oxford5k --ground-truth gt --subset

`first.csv` held the first eleven rows of `all.csv`. Then the first command was repeated with `all.csv` and killed after
the second of eight new shards.
"""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from osrmac.commands.evaluate import evaluate
from osrmac.commands.extract import extract
from osrmac.commands.fit import fit
from osrmac.commands.report import report
from osrmac.commands.search import search
from osrmac.commands.verify import verify
from osrmac.config import (
    BenchmarkName,
    ComputeConfig,
    DescriptorConfig,
    EvaluationConfig,
    ReductionConfig,
    SearchConfig,
    canonical,
    fingerprint,
)
from osrmac.storage.run import Run

STORED = Path(__file__).parent / "run_0_1_0"
PLANNED, COMMITTED, FAILED = 27, 15, 1

DESCRIPTOR = DescriptorConfig(
    backbone="efficientnet_lite0", recipes=("osrmac", "osrmac_local", "msrmac"), image_sizes=(96, 64)
)
SELECTION = ReductionConfig(select=("pfa",), features=(32,), whitening=(4,))
ONE_ACTOR = ComputeConfig(workers=1, shard_rows=2)


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    """A copy of the stored run."""
    return Path(shutil.copytree(STORED / "run", tmp_path / "run"))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def ids(run: Path) -> list[str]:
    shards = sorted((run / "descriptors").glob("*.parquet"))
    return [image for shard in shards for image in pq.read_table(shard, columns=["id"])["id"].to_pylist()]


def stored_values(benchmark: str) -> list[tuple[str, str, dict[str, float]]]:
    scores = json.loads((STORED / "run" / "evaluation" / f"{benchmark}.json").read_text())["scores"]
    return [(score["system"], score["mode"], score["values"]) for score in scores]


@pytest.mark.integration
def test_the_run_is_continued_and_extended_without_describing_an_image_twice(old_run: Path, tmp_path: Path) -> None:
    committed = contents(old_run / "descriptors")
    assert len(ids(old_run)) == COMMITTED

    done = extract(str(STORED / "all.csv"), str(old_run), DESCRIPTOR, ONE_ACTOR)
    assert (done.described, done.failed, done.new) == (PLANNED - FAILED, FAILED, PLANNED - COMMITTED)
    assert (done.changes.new, done.changes.changed, done.changes.removed) == (0, 0, 0)

    rows = (STORED / "all.csv").read_text().splitlines()
    longer = tmp_path / "longer.csv"
    longer.write_text("\n".join([*rows, f"added/one.jpg,{rows[1].split(',', 1)[1]}"]) + "\n")
    done = extract(str(longer), str(old_run), DESCRIPTOR, ONE_ACTOR)
    assert (done.new, done.changes.new) == (1, 1)

    assert committed.items() <= contents(old_run / "descriptors").items()
    assert len(ids(old_run)) == len(set(ids(old_run))) == PLANNED + 1
    assert list(verify(str(old_run))) == []


def test_the_fingerprint_is_unchanged(old_run: Path) -> None:
    record = json.loads((STORED / "run" / "run.json").read_text())
    stored = record["identity"]
    values = canonical(DESCRIPTOR, layers=tuple(stored["taps"]), weights=stored["weights"])
    assert values == stored
    assert fingerprint(values) == record["fingerprint"]
    identity = Run(str(old_run)).identity()
    assert (identity.fingerprint, identity.dimensions) == (record["fingerprint"], record["dimensions"])


def test_later_shards_are_reduced(old_run: Path) -> None:
    names = [each.name for each in fit(str(old_run), SELECTION)]
    assert names == ["osrmac-pfa-32", "osrmac-random-32", "osrmac-variance-32", "osrmac-whitening-4"]
    shards = {path.name for path in (old_run / "descriptors").iterdir()}
    assert {path.name for path in (old_run / "reduced" / "osrmac-pfa-32").iterdir()} == shards


@pytest.mark.parametrize(
    ("benchmark", "ground_truth", "subset"), [("groups", "groups.csv", False), ("oxford5k", "gt", True)]
)
def test_scores_are_unchanged(benchmark: BenchmarkName, ground_truth: str, subset: bool, old_run: Path) -> None:
    without_later_shards(old_run)
    crops = contents(old_run / "queries")
    found = evaluate(
        str(old_run),
        EvaluationConfig(benchmark=benchmark, ground_truth=str(STORED / ground_truth), subset=subset),
        ONE_ACTOR,
    )
    scores = json.loads((old_run / "evaluation" / f"{benchmark}.json").read_text())["scores"]
    assert found.coverage.startswith("10 ")
    assert [(score["system"], score["mode"]) for score in scores] == [each[:2] for each in stored_values(benchmark)]
    for score, (name, _, values) in zip(scores, stored_values(benchmark), strict=True):
        if "random" not in name:  # which was a single draw then, and is a mean over twenty now
            assert score["values"] == pytest.approx(values, abs=1e-9)
    assert contents(old_run / "queries") == crops


def without_later_shards(run: Path) -> None:
    """Remove the shards that were written after the run was scored."""
    names = {path.name for path in (run / "reduced" / "osrmac-pfa-32").iterdir()}
    for shard in (run / "descriptors").iterdir():
        if shard.name not in names:
            shard.unlink()


def test_search_results_are_unchanged(old_run: Path) -> None:
    result = search(str(old_run), ["scene1/s1v0.jpg"], SearchConfig(top=3))
    (found,) = result
    assert result.method == "osrmac-pfa-32+cam"
    assert [match.id for match in found.matches] == ["scene1/s1v0.jpg", "scene1/s1v1.jpg", "scene0/s0v0.jpg"]
    assert [match.distance for match in found.matches] == pytest.approx([0, 0.4318121671676636, 0.6425378322601318])


def test_the_report_is_written(old_run: Path) -> None:
    report(str(old_run))
    assert "osrmac-pfa-32" in (old_run / "report.html").read_text()
