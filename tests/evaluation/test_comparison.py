"""Comparison of methods over the queries that they have in common."""

import pytest

from osrmac.errors import BenchmarkError, ConfigError
from osrmac.evaluation.comparison import Comparison, Contender, compare_scores

QUERIES = [f"q{number:02d}" for number in range(20)]


def contender(run: str, method: str, score: float, queries: list[str] = QUERIES, positives: int = 3) -> Contender:
    values = {query: score + number % 3 for number, query in enumerate(queries)}
    return Contender(run, method, f"{method} in words", 64, values, dict.fromkeys(queries, positives))


LITE = contender("lite", "single", 60)
PFA = contender("lite", "osrmac-pfa-64", 70.5)
RESNET = contender("resnet", "single", 65)


def compare(*contenders: Contender, **options: object) -> Comparison:
    return compare_scores("oxford5k", "whole", "mAP", contenders, {"distance": "l1"}, resamples=200, **options)  # type: ignore[arg-type]


def test_scores_are_ordered_and_compared_with_the_best() -> None:
    found = compare(LITE, PFA, RESNET)
    assert [(score.run, score.method, score.verdict) for score in found.scores] == [
        ("lite", "osrmac-pfa-64", "baseline"),
        ("resnet", "single", "worse"),
        ("lite", "single", "worse"),
    ]
    assert [score.value for score in found.scores] == pytest.approx([71.45, 65.95, 60.95])
    _, second, third = found.scores
    assert second.difference is not None
    assert third.difference is not None
    assert (second.difference.mean, third.difference.mean) == pytest.approx((-5.5, -10.5))
    assert found.baseline is found.scores[0]


@pytest.mark.parametrize(
    ("baseline", "method"), [("first", "single"), ("osrmac-pfa-64", "osrmac-pfa-64"), ("resnet:single", "single")]
)
def test_the_baseline_can_be_chosen(baseline: str, method: str) -> None:
    found = compare(LITE, PFA, RESNET, baseline=baseline)
    assert found.baseline.method == method
    assert found.baseline.run == ("resnet" if ":" in baseline else "lite")


@pytest.mark.parametrize(("baseline", "number"), [("single", 2), ("rmac", 0)])
def test_a_baseline_that_is_not_one_method_is_refused(baseline: str, number: int) -> None:
    message = rf"--baseline {baseline} names {number} methods: choose one of best, first, lite:single, lite:osrmac-pfa"
    with pytest.raises(ConfigError, match=message):
        compare(LITE, PFA, RESNET, baseline=baseline)


def test_only_common_queries_count() -> None:
    found = compare(LITE, contender("resnet", "single", 65, QUERIES[:6]))
    assert found.queries == 6
    assert [score.value for score in found.scores] == [66, 61]
    with pytest.raises(BenchmarkError, match="there is no whole query of oxford5k that all runs have"):
        compare(LITE, contender("resnet", "single", 65, ["other"]))


def test_other_relevant_images_are_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"'q00' of oxford5k has 3 relevant images in lite, and 4 in resnet"):
        compare(LITE, contender("resnet", "single", 65, positives=4))


def test_the_table_names_runs_only_if_there_are_several() -> None:
    table = compare(LITE, RESNET).table()
    assert [column.name for column in table.columns] == [
        *("run", "method", "dims", "mAP", "difference", "interval", "verdict")
    ]
    assert [cell.text for cell in table.cells[0]] == ["resnet", "single in words", "64", "65.95", "", "", "baseline"]
    assert [cell.text for cell in table.cells[1]][3:] == ["60.95", "-5.00", "[-5.00, -5.00]", "worse"]
    assert [cell.best for row in table.cells for cell in row if cell.best] == [True]
    assert {"queries: 20 whole", "distance: l1"} <= set(table.notes)
    assert [column.name for column in compare(LITE, PFA).table().columns][:2] == ["method", "dims"]


def test_plain_values() -> None:
    values = compare(LITE, RESNET).to_json()
    assert values["baseline"] == {"run": "resnet", "system": "single"}
    assert (values["queries"], values["resamples"], values["seed"]) == (20, 200, 0)
    base, other = values["scores"]
    assert (base["mean"], base["verdict"]) == (0.0, "baseline")
    assert (other["run"], other["system"], other["dimension"], other["verdict"]) == ("lite", "single", 64, "worse")
    assert (other["mean"], other["low"], other["high"]) == pytest.approx((-5, -5, -5))
