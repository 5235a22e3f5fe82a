"""Sweeps over the number of features, scored and stored."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osrmac.commands.evaluate import evaluate
from osrmac.commands.fit import fit
from osrmac.commands.sweep import sweep
from osrmac.config import EvaluationConfig, ReductionConfig, SweepConfig
from osrmac.errors import ConfigError
from osrmac.storage.run import Run


@pytest.fixture
def truth(tmp_path: Path) -> EvaluationConfig:
    lines = [f"half08.png,{n}\neven/{n:02d}.png,{n}\n" for n in (8,)] + ["copy1.png,1\nodd/01.png,1\n"]
    (tmp_path / "groups.csv").write_text("id,group\n" + "".join(lines))
    return EvaluationConfig(benchmark="groups", ground_truth=str(tmp_path / "groups.csv"))


@pytest.mark.integration
def test_a_sweep_scores_what_fit_and_evaluate_score(run: Run, truth: EvaluationConfig) -> None:
    found = sweep(run.url, truth, SweepConfig(sizes=(8, 16)))
    fit(run.url, ReductionConfig(features=(8, 16), whitening=(8, 16)))
    expected = {score.method: score.values["mAP"] for score in evaluate(run.url, truth).scores}
    points: dict[tuple[str, int], list[float]] = {}
    for point in found.points:
        points.setdefault((point.method, point.features), []).append(point.value)
    assert points.pop(("whole descriptor", 768)) == [expected["osrmac"]]
    methods = ("leverage", "pfa", "variance", "whitening", "random")
    assert set(points) == {(method, size) for method in methods for size in (8, 16)}
    for (method, size), values in points.items():
        assert len(values) == (20 if method == "random" else 1)
        assert fmean(values) == pytest.approx(expected[f"osrmac-{method}-{size}"])


def test_the_scores_and_their_chart_are_stored_in_the_run(run: Run, truth: EvaluationConfig) -> None:
    refined = replace(truth, query_expansion=2, rerank="superglobal")
    sweep(run.url, refined, SweepConfig(recipe="single", sizes=(8, 512, 4096), seeds=1))
    stored = json.loads(Path(run.evaluation("groups-sweep", ".json")).read_text())
    assert stored["recipe"] == "single"
    assert {point["features"] for point in stored["points"]} == {8, 512}
    chart = ET.fromstring(Path(run.evaluation("groups-sweep", ".svg")).read_text())
    texts = {element.text for element in chart.iter()}
    assert {"groups, single, queries: all", "PFA", "whole descriptor, 512", "8"} <= texts
    assert any("backbone: resnet18; distance: l1" in (text or "") for text in texts)
    assert refined.conditions.items() <= stored["conditions"].items()


def test_the_axes_are_computed_once_for_all_sizes(
    run: Run, truth: EvaluationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, ...]] = []
    eigh = np.linalg.eigh

    def counted(matrix: NDArray[np.float64]) -> Any:
        calls.append(matrix.shape)
        return eigh(matrix)

    monkeypatch.setattr(np.linalg, "eigh", counted)
    sweep(run.url, truth, SweepConfig(recipe="single", sizes=(8, 16, 32), seeds=1))
    assert calls == [(512, 512)]


def test_whitening_is_fitted_only_up_to_the_rank_of_the_descriptors(run: Run, truth: EvaluationConfig) -> None:
    found = sweep(run.url, truth, SweepConfig(recipe="single", sizes=(16, 64), seeds=1))
    sizes = {method: {p.features for p in found.points if p.method == method} for method in ("pfa", "whitening")}
    assert sizes == {"pfa": {16, 64}, "whitening": {16}}


def test_sizes_that_are_no_smaller_than_the_descriptor_are_refused(run: Run, truth: EvaluationConfig) -> None:
    with pytest.raises(ConfigError, match="osrmac has only 768 features"):
        sweep(run.url, truth, SweepConfig(sizes=(768, 1000)))
    with pytest.raises(ConfigError, match="no recipe 'late'"):
        sweep(run.url, truth, SweepConfig(recipe="late"))
