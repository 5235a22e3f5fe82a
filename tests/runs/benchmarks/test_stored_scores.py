"""Stored evaluations of several runs."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.errors import BenchmarkError, ConfigError, StorageError
from osrmac.evaluation.results import Evaluation, Score
from osrmac.runs.benchmarks.stored_scores import common_conditions, contenders, load_scores
from osrmac.storage import schema, shards
from osrmac.storage.run import Run
from osrmac.types import REMOVED_SINCE
from tests.tiny_run import tiny_run

VALUES = {"a": 50.0, "b": 70.0}


def store(
    run: Run,
    values: Mapping[str, float] = VALUES,
    name: str = "oxford5k",
    coverage: str = "9 images",
    conditions: Mapping[str, str] = {},
) -> Run:
    """Store the scores of two methods, the second one with a mean over two seeds."""
    rows = [
        {"system": system, "mode": "whole", "query": query, "mAP": value + shift, "positives": 2}
        for system, shifts in (("single", [0]), ("random", [-1, 3]))
        for shift in shifts
        for query, value in values.items()
    ]
    scores = tuple(
        Score(system, f"{system} in words", "whole", 4, len(values), {"mAP": 60.0}) for system in ("single", "random")
    )
    run.evaluation(name, ".json").write_json(Evaluation("oxford5k", ("mAP",), coverage, conditions, scores).to_json())
    table = pa.Table.from_pylist(rows, schema=schema.query_results(["mAP"]))
    shards.write_table(run.evaluation(name, "-queries.parquet"), table)
    return run


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    return [tiny_run(tmp_path / name / "run", {"single": {"x": [0]}}) for name in ("lite", "resnet")]


def test_methods_of_all_runs_have_their_scores_by_query(runs: list[Run]) -> None:
    store(runs[0], conditions={"distance": "l1", "backbone": "lite0"})
    store(runs[1], {"a": 1.0, "b": 2.0}, conditions={"distance": "l1", "backbone": "resnet50", "weights": "w.pt"})
    loaded = load_scores(runs, None)
    assert [(each.short, each.name) for each in loaded] == [("lite/run", "oxford5k"), ("resnet/run", "oxford5k")]
    found = list(contenders(loaded, "whole", "mAP"))
    assert [(each.run, each.method, each.label, each.dimension, each.values) for each in found] == [
        ("lite/run", "single", "single in words", 4, {"a": 50, "b": 70}),
        ("lite/run", "random", "random in words", 4, {"a": 51, "b": 71}),
        ("resnet/run", "single", "single in words", 4, {"a": 1, "b": 2}),
        ("resnet/run", "random", "random in words", 4, {"a": 2, "b": 3}),
    ]
    assert {tuple(each.positives.items()) for each in found} == {(("a", 2), ("b", 2))}
    assert [each.method for each in contenders(loaded, "whole", "mAP", ["random"])] == ["random", "random"]
    assert list(contenders(loaded, "cropped", "mAP")) == []
    assert common_conditions(loaded) == {
        "coverage": "9 images",
        "distance": "l1",
        "backbone": "lite0 (lite/run), resnet50 (resnet/run)",
        "weights": "none (lite/run), w.pt (resnet/run)",
    }


def test_missing_scores_are_named_with_the_command_that_makes_them(runs: list[Run], tmp_path: Path) -> None:
    command = f"{runs[1].url} has no scores of {{}}: make them with osrmac evaluate {runs[1].url}"
    store(runs[0])
    for name, words in ((None, "any benchmark"), ("oxford5k", "oxford5k")):
        with pytest.raises(StorageError) as caught:
            load_scores(runs, name)
        assert str(caught.value) == command.format(words)
    store(runs[1], name="paris6k")
    with pytest.raises(StorageError, match="has scores of oxford5k, but not all of the other runs have: score them"):
        load_scores(runs, None)
    with pytest.raises(StorageError, match="no run at"):
        load_scores([runs[0], Run(str(tmp_path / "gone"))], "oxford5k")
    store(runs[0], name="paris6k")
    store(runs[1])
    with pytest.raises(ConfigError, match="the runs have scores of oxford5k, paris6k: choose one with --benchmark"):
        load_scores(runs, None)
    with pytest.raises(ConfigError, match="a run is given twice"):
        load_scores([runs[0], Run(runs[0].url)], "oxford5k")


def test_results_of_single_queries_are_needed(runs: list[Run]) -> None:
    store(runs[0])
    with pytest.raises(StorageError, match=r"has no mP@1 of the single queries of oxford5k: make them with osrmac"):
        list(contenders(load_scores(runs[:1], None), "whole", "mP@1"))
    runs[0].evaluation("oxford5k", "-queries.parquet").remove()
    with pytest.raises(StorageError, match="has no mAP of the single queries of oxford5k"):
        list(contenders(load_scores(runs[:1], None), "whole", "mAP"))


def test_scores_of_other_images_are_refused(runs: list[Run]) -> None:
    store(runs[0])
    store(runs[1], coverage="8 images")
    with pytest.raises(BenchmarkError, match="coverage of oxford5k: 9 images in lite/run, and 8 images in resnet/run"):
        load_scores(runs, None)
    store(runs[1], conditions={REMOVED_SINCE: "2, last on 2026-01-02"})
    with pytest.raises(BenchmarkError, match="removed since of oxford5k: none in lite/run, and 2, last on 2026"):
        load_scores(runs, None)


def test_rankings_that_were_scored_into_a_folder_are_compared_too(runs: list[Run], tmp_path: Path) -> None:
    store(runs[0], name="oxford5k-theirs")
    folder = store(Run(str(tmp_path / "scores")), name="oxford5k-theirs")
    assert [each.short for each in load_scores([runs[0], folder], None)] == ["run", "scores"]
