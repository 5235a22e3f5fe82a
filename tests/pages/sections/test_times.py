from typing import Any

from osrmac.pages.sections.times import format_duration, format_rate, times_section
from osrmac.tables import Cell, Table

EXTRACTION: dict[str, Any] = {"seconds": 120.0, "finished": "2026-01-02T03:04:05+00:00", "images": 30, "nodes": []}
FIT: dict[str, Any] = {"seconds": 3.0, "finished": "2026-01-02T03:05:05+00:00"}


def tables(extraction: dict[str, Any]) -> list[Table]:
    section = times_section({"extract": extraction, "fit": FIT})
    assert section is not None
    return [block for block in section.blocks if isinstance(block, Table)]


def test_every_stage_has_its_time_throughput_and_date() -> None:
    (stages,) = tables(EXTRACTION)
    assert stages.cells[0] == [
        Cell("extract"),
        Cell("2 min 0 s", share=1.0),
        Cell("15.0 images/min"),
        Cell("2026-01-02 03:04:05 UTC"),
    ]
    assert [cell.text for cell in stages.cells[1][:3]] == ["fit", "3.0 s", ""]


def test_the_profile_of_an_extraction_is_shown_by_activity() -> None:
    profile = {"command": {"plan": 90.0}, "processes": 2, "describing": {"network": 3.0, "commit": 1.0}}
    _, activities = tables(EXTRACTION | {"profile": profile})
    assert [row[1:] for row in activities.cells] == [
        [Cell("3.0 s", share=0.75), Cell("75.0%")],
        [Cell("1.0 s", share=0.25), Cell("25.0%")],
    ]
    assert "2 workers" in activities.title
    assert activities.notes == ["Main process: plan 1 min 30 s."]


def test_the_machines_of_an_extraction_are_shown_as_they_change() -> None:
    nodes = [{"seconds": 2.0, "nodes": 3, "cpus": 16.0, "gpus": 2.0, "accelerators": ["A10G", "L4"]}]
    _, machines = tables(EXTRACTION | {"nodes": nodes})
    assert machines.rows == [("2.0 s", "3", "16", "2", "A10G, L4")]


def test_a_run_without_stages_has_no_section() -> None:
    assert times_section({}) is None


def test_a_rate_is_given_per_second_or_per_minute() -> None:
    assert format_rate({"seconds": 2.0, "images": 30}) == "15.0 images/s"
    assert format_rate(EXTRACTION) == "15.0 images/min"
    assert format_rate({"seconds": 2.0}) == ""


def test_a_duration_is_given_in_its_two_largest_units() -> None:
    assert [format_duration(59.94), format_duration(3600), format_duration(0)] == ["59.9 s", "1 h 0 min", "0.0 s"]
