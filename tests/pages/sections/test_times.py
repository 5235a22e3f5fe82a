from typing import Any

from osrmac.pages.components import Folded
from osrmac.pages.sections.times import times_section
from osrmac.tables import Cell, Table

EXTRACTION: dict[str, Any] = {"seconds": 120.0, "finished": "2026-01-02T03:04:05+00:00", "images": 30, "nodes": []}
FIT: dict[str, Any] = {"seconds": 3.0, "finished": "2026-01-02T03:05:05+00:00"}


def tables(extraction: dict[str, Any], images: int = 30) -> list[Table]:
    section = times_section({"extract": extraction, "fit": FIT}, images)
    assert section is not None
    assert section.small
    stages, *folded = section.blocks
    assert isinstance(stages, Table)
    return [stages, *(table for block in folded if isinstance(block, Folded) for table in block.blocks)]


def test_every_stage_has_its_time_throughput_and_date() -> None:
    (stages,) = tables(EXTRACTION)
    assert stages.cells[0] == [
        Cell("describing the images", detail="extract"),
        Cell("2 min 0 s", share=1.0),
        Cell("15.0 images/min"),
        Cell("2026-01-02 03:04:05 UTC"),
    ]
    assert [cell.text for cell in stages.cells[1][:3]] == ["choosing the numbers to keep", "3.0 s", ""]
    assert stages.notes[0].startswith("30 images were described in 2 min 0 s, all extractions together.")


def test_the_throughput_is_that_of_all_extractions_and_not_of_the_last_one() -> None:
    (stages,) = tables(EXTRACTION | {"total": {"images": 1200, "seconds": 240.0}}, 1200)
    assert [cell.text for cell in stages.cells[0][1:3]] == ["4 min 0 s", "5.0 images/s"]
    assert stages.notes[0].startswith("1,200 images were described in 4 min 0 s, all extractions together.")


def test_extractions_whose_time_was_not_recorded_are_named() -> None:
    (stages,) = tables(EXTRACTION, 1100)
    assert stages.cells[0][2].text == "15.0 images/min"
    assert stages.notes[0].startswith(
        "30 images were described in 2 min 0 s. The time of the other 1,070 was not recorded"
    )


def test_a_run_without_extraction_has_no_throughput() -> None:
    section = times_section({"evaluate": FIT}, 0)
    assert section is not None
    (stages,) = section.blocks
    assert isinstance(stages, Table)
    assert not stages.notes


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
    assert times_section({}, 0) is None
