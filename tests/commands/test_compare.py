from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.commands.compare import compare
from osrmac.commands.evaluate import evaluate
from osrmac.config import CompareConfig, EvaluationConfig
from osrmac.errors import BenchmarkError, ConfigError
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

LONG = {f"{letter}{number}": [10.0 * number, position] for number in range(4) for position, letter in enumerate("ab")}
"""Pairs at a distance of one, and ten or more from all others."""

MIXED = {image: [float(place % 3), 0.0] for place, image in enumerate(LONG)}
QUICK = CompareConfig(resamples=200)


@pytest.fixture
def truth(tmp_path: Path) -> EvaluationConfig:
    """Each of the four pairs is a group; of three of them both images are queries."""
    lines = [f"{letter}{number},{number},{int(number < 3)}" for number in range(4) for letter in "ab"]
    (tmp_path / "groups.csv").write_text("\n".join(["id,group,query", *lines]))
    return EvaluationConfig(benchmark="groups", ground_truth=str(tmp_path / "groups.csv"))


@pytest.fixture
def runs(tmp_path: Path, truth: EvaluationConfig) -> list[str]:
    urls = []
    for name, recipes in (("good", {"single": LONG, "early": MIXED}), ("bad", {"single": MIXED})):
        urls.append(tiny_run(tmp_path / name, recipes).url)
        evaluate(urls[-1], truth)
    return urls


def test_methods_of_all_runs_are_compared(runs: list[str], tmp_path: Path) -> None:
    figure = tmp_path / "new" / "figure.svg"
    (found,) = compare(runs, replace(QUICK, figure=str(figure)))
    assert (found.benchmark, found.mode, found.measure, found.queries) == ("groups", "marked", "mAP", 6)
    assert [(score.run, score.method, score.dimension) for score in found.scores[:1]] == [("good", "single", 2)]
    assert {(score.run, score.method, score.verdict) for score in found.scores[1:]} == {
        ("good", "early", "worse"),
        ("bad", "single", "worse"),
    }
    assert found.scores[0].value == 100
    assert found.conditions["coverage"] == "8 images"
    assert "good: single" in figure.read_text()


def test_methods_of_one_run_are_compared(runs: list[str]) -> None:
    (found,) = compare(runs[:1], replace(QUICK, baseline="early", queries=("marked",), measure="mAP"))
    assert [(score.method, score.verdict) for score in found.scores] == [("single", "better"), ("early", "baseline")]
    (both,) = compare(runs, replace(QUICK, methods=("single",)))
    assert [(score.run, score.method) for score in both.scores] == [("good", "single"), ("bad", "single")]


def test_what_cannot_be_compared_is_refused_in_one_line(runs: list[str], truth: EvaluationConfig) -> None:
    for given, options, kind, message in (
        (runs, {"queries": ("whole",)}, ConfigError, "no scores with the query mode 'whole': choose from marked"),
        (runs, {"measure": "N-S"}, ConfigError, "no scores with the measure 'N-S': choose from mAP"),
        (runs, {"methods": ("rmac",)}, ConfigError, "no scores with the method 'rmac': choose from single, early"),
        (runs[1:], {}, ConfigError, "only one score to compare: name another run or further --methods"),
        (runs, {"methods": ("early",)}, ConfigError, "only one score to compare"),
        (runs, {"baseline": "late"}, ConfigError, "--baseline late names 0 methods"),
        (runs, {"figure": runs[0]}, ConfigError, "a folder is there: name a file"),
    ):
        with pytest.raises(kind, match=message) as caught:
            compare(given, replace(QUICK, **options))
        assert "\n" not in str(caught.value)
    ground_truth = Path(str(truth.ground_truth))
    ground_truth.write_text(ground_truth.read_text().replace(",query", ",other"))
    evaluate(runs[1], truth)
    with pytest.raises(BenchmarkError, match="the runs were scored in different query modes of groups"):
        compare(runs, QUICK)
    with pytest.raises(BenchmarkError, match=r"bad has no scores of groups in the query mode marked: make them with"):
        compare(runs, replace(QUICK, queries=("marked",)))


def test_nothing_is_written_into_the_runs(runs: list[str]) -> None:
    def files() -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for url in runs for file in Path(url).rglob("*")}

    before = files()
    compare([Run(url).url for url in runs], QUICK)
    assert files() == before
