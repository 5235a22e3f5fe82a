from osrmac.evaluation.sweep import WHOLE_DESCRIPTOR, Point, Sweep
from osrmac.pages.sections.sweeps import sweep_charts, sweeps_section

MODES = ("cropped", "whole")


def sweep(*points: Point) -> Sweep:
    return Sweep("groups", "mAP", "osrmac", {"distance": "l1"}, points)


POINTS = [
    *(Point(WHOLE_DESCRIPTOR, 64, 0, mode, 50.0) for mode in MODES),
    *(Point("pfa", size, 0, mode, 40.0 + size) for size in (8, 32) for mode in MODES),
    *(Point("random", 8, seed, mode, 30.0 + 2 * seed) for seed in (0, 1) for mode in MODES),
]


def test_every_query_mode_has_a_chart() -> None:
    first, second = sweep_charts(sweep(*POINTS))
    assert first.title == "groups, osrmac, queries: cropped"
    assert second.title == "groups, osrmac, queries: whole"


def test_a_chart_has_a_line_for_each_method_and_a_reference() -> None:
    chart, _ = sweep_charts(sweep(*POINTS))
    lines = {line.name: line for line in chart.lines}
    assert lines["PFA"].points == [(8, 48.0), (32, 72.0)]
    assert lines["random choice (mean and spread)"].spreads == [1.0]
    assert lines["whole descriptor, 64"].points == [(8, 50.0), (32, 50.0)]
    assert lines["whole descriptor, 64"].dashed
    assert "PCA-whitening" not in lines
    assert chart.description == "The highest is 72.0, with 32 features by PFA."


def test_the_section_names_the_conditions() -> None:
    section = sweeps_section([sweep(*POINTS)])
    assert section is not None
    assert "distance l1" in section.note
    assert sweeps_section([]) is None
