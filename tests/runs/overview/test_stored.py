from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from osrmac.errors import DamagedFileError
from osrmac.runs.integrity import check_file
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates.calibration import vectors_digest
from osrmac.runs.overview.stored import (
    Outlier,
    OverviewFacts,
    Position,
    load_overview,
    shards_digest,
    write_overview,
)
from osrmac.storage import shards
from osrmac.storage.run import Run
from osrmac.storage.schema import OVERVIEW
from tests.tiny_run import tiny_run

ROWS: list[dict[str, Any]] = [
    {"id": "a", "group": 0, "group_distance": 2.0, "x": 0.0, "y": 0.5, "isolation": 3.0, "sampled": True},
    {"id": "b", "group": 0, "group_distance": 1.0, "x": 0.25, "y": 0.5, "isolation": 4.0, "sampled": True},
    {"id": "c", "group": 0, "group_distance": 1.0, "x": 0.0, "y": 0.0, "isolation": 3.0, "sampled": False},
    {"id": "d", "group": None, "group_distance": None, "x": 1.0, "y": 1.0, "isolation": 5.0, "sampled": True},
    {"id": "e", "group": None, "group_distance": None, "x": 1.0, "y": 0.0, "isolation": 9.0, "sampled": False},
    {"id": "f", "group": 1, "group_distance": 0.0, "x": 0.5, "y": 0.0, "isolation": 6.0, "sampled": True},
    {"id": "g", "group": 1, "group_distance": 0.5, "x": 0.5, "y": 0.0, "isolation": 7.0, "sampled": False},
]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"osrmac": {row["id"]: np.eye(2)[0] for row in ROWS}})


def facts_of(run: Run) -> OverviewFacts:
    return OverviewFacts(
        method="osrmac",
        distance="l1",
        digest=vectors_digest(run, choose_method(run, None)),
        shards=shards_digest(run),
        images=7,
        sampled=4,
        threshold=1.5,
    )


def written(run: Run, rows: list[dict[str, Any]]) -> OverviewFacts:
    facts = facts_of(run)
    write_overview(run, pa.Table.from_pylist(rows[::-1], schema=OVERVIEW), facts)
    return facts


def test_groups_are_sorted_by_size_and_their_images_by_how_typical_they_are(run: Run) -> None:
    assert load_overview(run) is None
    facts = written(run, ROWS)
    found = load_overview(run)
    assert found is not None
    assert found.groups == (("b", "c", "a"), ("f", "g"))
    assert found.positions == {
        "a": Position(0.0, 0.5, 0),
        "b": Position(0.25, 0.5, 0),
        "d": Position(1.0, 1.0, None),
        "f": Position(0.5, 0.0, 1),
    }
    assert found.outliers == (Outlier("e", 9.0), Outlier("d", 5.0))
    assert (found.usual_isolation, found.facts, found.stale) == (5.0, facts, None)
    assert found.to_json()["groups"] == [{"images": 3, "ids": ["b", "c", "a"]}, {"images": 2, "ids": ["f", "g"]}]
    assert found.to_json()["outliers"][0] == {"id": "e", "isolation": 9.0}
    assert shards.read(run.overview)["id"].to_pylist() == ["a", "b", "c", "d", "e", "f", "g"]


def test_a_group_whose_others_were_removed_is_none_and_the_next_are_numbered_again(run: Run) -> None:
    written(run, [row for row in ROWS if row["id"] not in {"a", "c"}])
    found = load_overview(run)
    assert found is not None
    assert found.groups == (("f", "g"),)
    assert found.positions["b"].group is None
    assert found.positions["f"].group == 0
    assert [outlier.id for outlier in found.outliers] == ["e", "d", "b"]
    written(run, [])
    found = load_overview(run)
    assert found is not None
    assert (found.groups, found.positions, found.outliers, found.usual_isolation) == ((), {}, (), 0.0)


def test_at_most_100_outliers_are_listed(run: Run) -> None:
    written(run, [ROWS[3] | {"id": f"{number:03d}"} for number in range(150)])
    found = load_overview(run)
    assert found is not None
    assert [outlier.id for outlier in found.outliers] == [f"{number:03d}" for number in range(100)]


def test_an_overview_of_other_images_or_vectors_is_stale(run: Run, tmp_path: Path) -> None:
    written(run, ROWS)
    shard = shards.paths(run.descriptors)[0]
    shards.replace(shard, shards.read(shard), 1)
    found = load_overview(run)
    assert found is not None
    assert found.stale == "images have been added, changed or removed since"
    written(run, ROWS)
    run.set_search_method("osrmac", "osrmac")
    found = load_overview(run)
    assert found is not None
    assert found.stale is None


def test_an_overview_of_another_method_is_stale(run: Run) -> None:
    facts = facts_of(run)
    for other in ({"method": "early"}, {"digest": "another"}):
        write_overview(run, pa.Table.from_pylist(ROWS, schema=OVERVIEW), OverviewFacts(**vars(facts) | other))
        found = load_overview(run)
        assert found is not None
        assert found.stale is not None
        assert found.stale.startswith("searches now compare osrmac")


def test_a_damaged_overview_is_an_error_that_says_what_to_do(run: Run) -> None:
    shards.write_table(run.overview, pa.Table.from_pylist(ROWS, schema=OVERVIEW))
    with pytest.raises(DamagedFileError, match="run osrmac overview again"):
        load_overview(run)
    content = run.overview.read_bytes()
    run.overview.write_bytes(content[:50] + b"?" + content[51:])
    assert "run osrmac overview again" in (check_file(run.overview) or "")
