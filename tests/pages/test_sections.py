"""The sections of a report, from what a run holds."""

from collections import Counter
from typing import Any

import pytest

from osrmac.evaluation.sweep import Point, Sweep
from osrmac.pages.components import Beside, Cell, Facts, Strips, Table
from osrmac.pages.contact_sheet import Picture
from osrmac.pages.sections.collection import Failed, collection, in_bytes
from osrmac.pages.sections.curves import drawn, precision_recall, sweeps
from osrmac.pages.sections.features import features
from osrmac.pages.sections.queries import Answered, Extremes, queries
from osrmac.pages.sections.scores import best_of, scores
from osrmac.pages.sections.times import duration, rate, times
from osrmac.reduction.base import Selection
from osrmac.runs.image_stats import Sizes

MODES = {"cropped": 0.0, "whole": 10.0}
VALUES = {
    "single": 50.0,
    "osrmac": 60.0,
    "osrmac-pfa-4": 70.0,
    "osrmac-pfa-8": 69.0,
    "osrmac-random-4": 80.0,
    "osrmac-pfa-4+cam": 65.0,
}


def evaluation(benchmark: str) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "measures": ["mAP"],
        "coverage": "9 of 10 images",
        "scores": [
            {"system": name, "label": name.upper(), "mode": mode, "dimension": 4, "values": {"mAP": value + more}}
            for name, value in VALUES.items()
            for mode, more in MODES.items()
        ],
    }


def test_scores_stand_beside_the_papers() -> None:
    part = scores([evaluation("oxford5k")])
    assert part is not None
    (table,) = part.blocks
    assert isinstance(table, Table)
    assert table.columns == ["descriptor", "dims", "mAP cropped", "mAP whole", "paper (ResNet50)"]
    rows = {row[0].text: row for row in table.cells}
    assert rows["OSRMAC-PFA-4"][0].under == "M-R l_j & l_j-1 + FS"
    assert [cell.text for cell in rows["OSRMAC-PFA-4"][1:]] == ["4", "70.00", "80.00", "72.27"]
    assert rows["OSRMAC-PFA-4+CAM"][-1].text == "70.54"
    assert rows["OSRMAC-RANDOM-4"][-1].text == ""
    assert [cell.best for cell in rows["OSRMAC-RANDOM-4"]] == [False, False, True, True, False]
    assert "coverage: 9 of 10 images" in table.note
    other = scores([evaluation("groups")])
    assert other is not None
    assert isinstance(other.blocks[0], Table)
    assert "paper (ResNet50)" not in other.blocks[0].columns
    assert scores([]) is None


def test_a_control_is_not_the_best_and_the_papers_steps_are_drawn() -> None:
    assert best_of(evaluation("groups"))["system"] == "osrmac-pfa-4"
    assert drawn(evaluation("groups"))[:3] == ["osrmac-random-4", "osrmac-pfa-4", "osrmac-pfa-8"]
    many = evaluation("groups")
    more = [dict(many["scores"][0], method=f"s{n}", values={"mAP": 75.0}) for n in range(9)]
    many["scores"] += more
    assert set(drawn(many)) >= {"s0", "osrmac-pfa-4", "osrmac", "osrmac-pfa-4+cam", "single"}
    assert len(drawn(many)) == 7
    assert "osrmac-random-4" not in drawn(many)


def test_sizes_are_counted_in_round_steps() -> None:
    sizes = Sizes(Counter({500: 3, 549: 1, 640: 2}), 1_500_000, Counter(wide=4, tall=2))
    (beside,) = collection(sizes, 1_234_000, []).blocks
    assert isinstance(beside, Beside)
    facts, chart = beside.blocks
    assert isinstance(facts, Facts)
    assert facts.values == {
        "longest side": "500 to 640 pixels",
        "median": "500 pixels",
        "mean area": "0.25 megapixels",
        "shape": "4 wide, 2 tall",
        "files": "1.2 MB",
    }
    assert chart.values == [("500", 3), ("525", 1), ("550", 0), ("575", 0), ("600", 0), ("625", 2)]  # type: ignore[union-attr]
    spread = Sizes(Counter({1: 1, 3: 1, 4096: 2}), 1, Counter(wide=4))
    (beside,) = collection(spread, None, []).blocks
    assert isinstance(beside, Beside)
    values = dict(beside.blocks[1].values)  # type: ignore[union-attr]
    assert (values["1"], values["2"], values["4096"]) == (1, 1, 2)
    assert sum(values.values()) == 4


def test_failures_are_shown_as_far_as_they_can_be_seen() -> None:
    failures = [
        Failed(7, "decode", "truncated", [Picture("a.jpg", "", "data:a"), Picture("b.jpg", "")]),
        Failed(1, "fetch", "gone", [Picture("c.jpg", "")]),
    ]
    table, strips = collection(Sizes(), None, failures).blocks
    assert isinstance(table, Table)
    assert [cell.text for cell in table.cells[0]] == ["truncated", "decode", "7", "a.jpg, b.jpg"]
    assert isinstance(strips, Strips)
    assert [(title, [picture.name for picture in shown]) for title, _, shown in strips.strips] == [
        ("truncated", ["a.jpg"])
    ]


def test_what_is_not_there_has_no_section() -> None:
    assert precision_recall({}) is None
    assert sweeps([]) is None
    assert queries([]) is None
    assert features([], {}, []) is None
    assert times({}) is None
    assert not collection(Sizes(), None, []).blocks


def test_a_sweep_has_a_chart_for_each_query_mode() -> None:
    points = [Point("whole descriptor", 64, 0, mode, 50.0) for mode in MODES]
    points += [Point("pfa", size, 0, mode, 40.0 + size) for size in (8, 32) for mode in MODES]
    points += [Point("random", 8, seed, mode, 30.0 + 2 * seed) for seed in (0, 1) for mode in MODES]
    part = sweeps([Sweep("groups", "mAP", "osrmac", {"distance": "l1"}, tuple(points))])
    assert part is not None
    (beside,) = part.blocks
    assert isinstance(beside, Beside)
    assert [chart.title for chart in beside.blocks if not isinstance(chart, Facts)] == [
        "groups, osrmac, queries: cropped",
        "groups, osrmac, queries: whole",
    ]
    lines = {line.name: line for line in beside.blocks[0].lines}  # type: ignore[union-attr]
    assert lines["PFA"].points == [(8, 48.0), (32, 72.0)]
    assert lines["random choice (mean and spread)"].spreads == [1.0]
    assert lines["whole descriptor, 64"].points == [(8, 50.0), (32, 50.0)]


@pytest.mark.parametrize(("measure", "said"), [("mAP", "AP 50.00 · 1 image to find"), ("N-S", "N-S 50.00 · 1 image")])
def test_queries_say_how_they_fared(measure: str, said: str) -> None:
    answered = Answered("q", 50.0, 1, [Picture("a", "query", mark="query")])
    part = queries([Extremes("groups", measure, [answered], [])])
    assert part is not None
    (strips,) = part.blocks
    assert isinstance(strips, Strips)
    assert strips.title == "Best: groups"
    assert strips.strips[0][1].startswith(said)


def test_features_are_counted_by_layer() -> None:
    selection = Selection(
        name="osrmac-pfa-3",
        method="pfa",
        recipe="osrmac",
        features_in=6,
        seed=0,
        samples=20,
        fitted_on="photos",
        fingerprint="f",
        indices=(0, 3, 5),
        retained_variance=0.95,
        components=2,
        explained_variance=0.96,
        variances=(0.6, 0.36, 0.04, 0.0, 0.0, 0.0),
        stability=0.5,
    )
    part = features([selection], {"osrmac": (4, 2)}, ["layer4", "layer3"])
    assert part is not None
    overview, beside = part.blocks
    assert isinstance(overview, Table)
    assert [cell.text for cell in overview.cells[0]] == ["osrmac-pfa-3", "3", "6", "2", "96.00%", "50%", "33%"]
    assert isinstance(beside, Beside)
    chart, layers = beside.blocks
    assert chart.lines[0].points == [(1, 60.0), (2, pytest.approx(96)), (3, 100.0), (4, 100.0)]  # type: ignore[union-attr]
    assert isinstance(layers, Table)
    assert [[cell.text for cell in row] for row in layers.cells] == [
        ["layer4", "4", "2", "50%", "67%"],
        ["layer3", "2", "1", "50%", "33%"],
    ]


def test_times_are_said_as_people_do() -> None:
    stages: dict[str, dict[str, Any]] = {
        "extract": {"seconds": 120.0, "finished": "2026-01-02T03:04:05+00:00", "images": 30, "nodes": []},
        "fit": {"seconds": 3.0, "finished": "2026-01-02T03:05:05+00:00"},
    }
    part = times(stages)
    assert part is not None
    (table,) = part.blocks
    assert isinstance(table, Table)
    assert table.cells[0][1:] == [
        Cell("2 min 0 s", 1.0),
        Cell("15.0 images/min"),
        Cell("2026-01-02 03:04:05 UTC"),
    ]
    profile = {"command": {"plan": 90.0}, "processes": 2, "describing": {"network": 3.0, "commit": 1.0}}
    stages["extract"]["profile"] = profile
    part = times(stages)
    assert part is not None
    _, table = part.blocks
    assert isinstance(table, Table)
    assert [row[1:] for row in table.cells] == [
        [Cell("3.0 s", 0.75), Cell("75.0%")],
        [Cell("1.0 s", 0.25), Cell("25.0%")],
    ]
    assert "2 describing processes" in table.title
    assert "plan 1 min 30 s" in table.note
    assert rate({"seconds": 2.0, "images": 30}) == "15.0 images/s"
    assert rate({"seconds": 2.0}) == ""
    assert [duration(59.94), duration(3600), duration(0)] == ["59.9 s", "1 h 0 min", "0.0 s"]
    assert [in_bytes(999), in_bytes(5e15)] == ["999 bytes", "5000 TB"]
