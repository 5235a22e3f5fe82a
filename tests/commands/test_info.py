import shutil
from pathlib import Path

import pytest

from osrmac.cli import output
from osrmac.commands.evaluate import evaluate
from osrmac.commands.fit import fit
from osrmac.commands.info import info
from osrmac.config import EvaluationConfig, ReductionConfig
from osrmac.errors import StorageError
from osrmac.storage.run import Run


def test_a_run_says_what_it_is_and_holds(run: Run, oxford: str, capsys: pytest.CaptureFixture[str]) -> None:
    fit(run.url, ReductionConfig(features=(32,), retained_variance=0.8, whitening=(8,)))
    evaluate(run.url, EvaluationConfig(benchmark="oxford5k", ground_truth=oxford, queries=("whole",), subset=True))
    run.evaluation("oxford5k-sweep", ".json").write_json({"points": []})
    found = info(run.url)
    assert found["counts"] == {"planned": 29, "described": 26, "failed": 3}
    assert ("decode", "the file is empty", 1, ("empty.jpg",)) in [
        tuple(kind.values())[:4] for kind in found["failures"]
    ]
    assert found["dimensions"]["single"] == 512
    assert {each["name"]: each["dimension"] for each in found["selections"]} == {
        "osrmac-pfa-32": 32,
        "osrmac-random-32": 32,
        "osrmac-variance-32": 32,
        "osrmac-whitening-8": 8,
    }
    assert [each["benchmark"] for each in found["evaluations"]] == ["oxford5k"]
    assert {"extract", "fit", "evaluate"} <= found["stages"].keys()
    assert {"osrmac", "python", "torch"} <= found["versions"].keys()

    output.show(*output.overview(found))
    shown = capsys.readouterr().out
    for text in ("empty.jpg", "osrmac-whitening-8", "oxford5k, 26 of 5062 images", "resnet18", "512"):
        assert text in shown


def test_what_was_never_recorded_is_counted_and_a_place_without_a_run_refused(finished: Run, tmp_path: Path) -> None:
    shutil.copytree(finished.url, tmp_path / "run")
    record = (finished.location / "run.json").read_json()
    assert record is not None
    (Run(str(tmp_path / "run")).location / "run.json").write_json(record | {"counts": {}, "stages": {}})
    found = info(str(tmp_path / "run"))
    assert found["counts"] == {"planned": None, "described": 26, "failed": 3}
    assert "Stages" not in [str(table.title) for table in output.overview(found)]
    with pytest.raises(StorageError, match="no run at"):
        info(str(tmp_path))
