import json
from pathlib import Path

import pytest

from osrmac.config import EvaluationConfig, SelectionConfig, SweepConfig
from osrmac.errors import ConfigError
from osrmac.pipeline.evaluate import evaluate
from osrmac.pipeline.fit import fit
from osrmac.pipeline.sweep import sweep
from osrmac.storage.run import Run


@pytest.fixture
def truth(tmp_path: Path) -> EvaluationConfig:
    lines = [f"half08.png,{n}\neven/{n:02d}.png,{n}\n" for n in (8,)] + ["copy1.png,1\nodd/01.png,1\n"]
    (tmp_path / "groups.csv").write_text("id,group\n" + "".join(lines))
    return EvaluationConfig(benchmark="groups", ground_truth=str(tmp_path / "groups.csv"))


def test_a_sweep_scores_what_fit_and_evaluate_score(run: Run, truth: EvaluationConfig) -> None:
    found = sweep(run.url, truth, SweepConfig(sizes=(8, 16), seeds=2))
    fit(run.url, SelectionConfig(features=(8, 16), whitening=(8, 16)))
    expected = {score.system: score.value("mAP") for score in evaluate(run.url, truth).scores}
    points = {(point.method, point.features, point.seed): point.value for point in found.points}
    assert points.pop(("whole descriptor", 768, 0)) == expected["osrmac"]
    assert len(points) == 2 * (3 + 2)
    for (method, features, seed), value in points.items():
        if seed == 0:
            assert value == expected[f"osrmac-{method}-{features}"]


def test_data_and_figure_lie_in_the_run(run: Run, truth: EvaluationConfig) -> None:
    sweep(run.url, truth, SweepConfig(recipe="single", sizes=(8, 512, 4096), seeds=1))
    stored = json.loads(Path(run.evaluation("groups-sweep", ".json")).read_text())
    assert stored["recipe"] == "single"
    assert {point["features"] for point in stored["points"]} == {8, 512}
    assert Path(run.evaluation("groups-sweep", ".png")).read_bytes().startswith(b"\x89PNG")


def test_sizes_that_leave_nothing_out_are_refused(run: Run, truth: EvaluationConfig) -> None:
    with pytest.raises(ConfigError, match="osrmac has 768 features"):
        sweep(run.url, truth, SweepConfig(sizes=(768, 1000)))
    with pytest.raises(ConfigError, match="no recipe 'late'"):
        sweep(run.url, truth, SweepConfig(recipe="late"))
