import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.cli.output import info_tables, show
from osrmac.commands.evaluate import evaluate
from osrmac.commands.export import export
from osrmac.commands.fit import fit
from osrmac.commands.info import info
from osrmac.config import EvaluationConfig, ExportConfig, ReductionConfig
from osrmac.errors import StorageError
from osrmac.storage.run import Run


def test_a_run_is_summarized(run: Run, oxford: str, capsys: pytest.CaptureFixture[str]) -> None:
    fit(run.url, ReductionConfig(features=(32,), retained_variance=0.8, whitening=(8,)))
    evaluate(run.url, EvaluationConfig(benchmark="oxford5k", ground_truth=oxford, queries=("whole",), subset=True))
    run.evaluation("oxford5k-sweep", ".json").write_json({"points": []})
    found = info(run.url)
    assert (found.planned, found.described, found.failed) == (29, 26, 3)
    assert ("decode", "the file is empty", 1, ("empty.jpg",)) in [
        (kind.stage, kind.reason, kind.count, kind.first) for kind in found.failures
    ]
    assert found.dimensions["single"] == 512
    assert {reduction.name: reduction.dimension for reduction in found.reductions} == {
        "osrmac-leverage-32": 32,
        "osrmac-pfa-32": 32,
        "osrmac-random-32": 32,
        "osrmac-variance-32": 32,
        "osrmac-whitening-8": 8,
    }
    assert found.search_methods == found.to_json()["search"] == {"osrmac": "osrmac"}
    assert [evaluation.benchmark for evaluation in found.evaluations] == ["oxford5k"]
    assert {"extract", "fit", "evaluate"} <= found.stages.keys()
    assert {"osrmac", "python", "torch"} <= found.versions.keys()

    show(*info_tables(found))
    shown = capsys.readouterr().out
    for text in ("empty.jpg", "osrmac-whitening-8", "oxford5k, 26 of 5062 images", "resnet18", "512"):
        assert text in shown
    assert re.search(r"searches compare +│ osrmac +│", shown)


def test_copies_and_scores_of_an_earlier_fit_are_listed(
    run: Run, oxford: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ReductionConfig(select=("pfa",), features=(32,), retained_variance=0.8, baselines=False)
    fit(run.url, config)
    evaluate(run.url, EvaluationConfig(benchmark="oxford5k", ground_truth=oxford, queries=("whole",), subset=True))
    export(run.url, str(tmp_path / "out"), ExportConfig(to="npy", method="osrmac-pfa-32"))
    before = info(run.url)
    assert [(copy.url, copy.state) for copy in before.copies] == [(f"{tmp_path}/out", "current")]
    assert not before.evaluations[0].remarks
    fit(run.url, replace(config, seed=1, refit=True))
    found = info(run.url)
    assert [(copy.state, copy.reason) for copy in found.copies] == [("stale", "of an earlier osrmac-pfa-32")]
    assert found.reductions[0].digest != before.reductions[0].digest == found.copies[0].digest
    show(*info_tables(found))
    shown = capsys.readouterr().out
    assert "stale: of an earlier osrmac-pfa-32" in shown
    assert "osrmac + PFA (earlier fit)" in shown
    assert "early (earlier fit)" not in shown


def test_images_are_counted_where_the_first_extraction_has_not_finished(finished: Run, tmp_path: Path) -> None:
    shutil.copytree(finished.url, tmp_path / "run")
    record = (finished.location / "run.json").read_json()
    assert record is not None
    (Run(str(tmp_path / "run")).location / "run.json").write_json(record | {"counts": {}, "stages": {}})
    found = info(str(tmp_path / "run"))
    assert found.to_json()["counts"] == {"planned": 29, "described": 26, "failed": 3}
    assert not next(table for table in info_tables(found) if table.title == "Stages").rows


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no run at"):
        info(str(tmp_path))
