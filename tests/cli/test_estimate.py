from dataclasses import replace

from osrmac.cli.estimate import estimate_tables
from tests.estimates import ESTIMATE


def facts(**changes: object) -> dict[str, dict[str, str]]:
    tables = estimate_tables(replace(ESTIMATE, **changes))  # type: ignore[arg-type]
    return {table.title: {row[0].text: row[1].text for row in table.cells} for table in tables}


def test_the_tables_state_time_volume_and_cost() -> None:
    shown = facts()
    assert shown["Collection"]["sample"] == "50 images, 2 failed; listed and described in 1 min 35 s"
    assert shown["Collection"]["mean size"] == "12.00 megapixels, 300 kB"
    assert shown["Collection"]["files passed over"] == "3 .xmp"
    assert shown["Time with these processes"]["time"] == "27 h 48 min ± 1 h 15 min"
    assert shown["Time on 16 GPUs"]["time"] == "2 min 24 s"
    assert shown["Read and written"]["GET and HEAD requests"] == "1,003,000"
    assert shown["Cost"] == {"requests": "0.41"}


def test_without_prices_there_is_no_table_of_costs() -> None:
    assert facts(costs={})["Cost"] == {}


def test_an_unknown_margin_is_left_out() -> None:
    machine = replace(ESTIMATE.machine, margin_hours=None)
    assert facts(machine=machine)["Time with these processes"]["time"] == "27 h 48 min"


def test_an_assumed_speed_of_a_gpu_says_of_which_one() -> None:
    assumed, given = estimate_tables(ESTIMATE)[2], replace(ESTIMATE.gpu, source="given")
    assert "H200" in assumed.notes[0]
    assert estimate_tables(replace(ESTIMATE, gpu=given))[2].notes == ()


def test_long_times_are_in_days() -> None:
    machine = replace(ESTIMATE.machine, hours=1000.0)
    assert facts(machine=machine)["Time with these processes"]["time"].startswith("41.7 days")
