"""Matches are ranked, located, and by expanded queries if asked for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osrmac.config import SearchConfig
from osrmac.descriptor.regions import region_boxes
from osrmac.runs.matches import find_matches
from osrmac.runs.methods import choose_method
from osrmac.runs.open_run import OpenRun
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import find_rows, list_shards, read_blocks
from osrmac.storage.run import Run
from osrmac.types import Match, Matrix
from tests.own_columns import give_columns
from tests.tiny_run import SIZE, tiny_run

LINE = {"a.png": [0.0, 1.0], "b.png": [0.1, 1.0], "c.png": [0.25, 1.0], "d.png": [2.0, 1.0], "e.png": [9.0, 1.0]}
REGIONS = region_boxes(19, 25, SIZE)


def found(
    run: Run, queries: Sequence[Matrix], options: SearchConfig, outside: frozenset[str] = frozenset()
) -> list[list[Match]]:
    within = list_shards(run)
    method = choose_method(run, options.method, regions=True)
    images = Scan(lambda: read_blocks(run, method, within), options.distance, outside=outside)

    def rows(matches: Sequence[Match]) -> Mapping[str, Mapping[str, Any]]:
        return find_rows({match.id for match in matches}, within)

    return find_matches(run, method, images, queries, options, rows)


def vector(*values: float) -> Matrix:
    return np.array([values], np.float32)


def test_each_query_has_its_nearest_images_with_their_locations(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", {"single": LINE})
    queries = [np.concatenate([vector(0, 1), vector(8, 1)])]
    first, second = found(run, queries, SearchConfig(top=2))
    assert [(match.id, match.rank, match.uri) for match in first] == [
        ("a.png", 1, "/photos/a.png"),
        ("b.png", 2, "/photos/b.png"),
    ]
    assert [match.distance for match in first] == pytest.approx([0, 0.1])
    assert [match.id for match in second] == ["e.png", "d.png"]


def test_a_query_is_expanded_by_its_neighbours_even_if_they_are_left_out(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", {"single": LINE})
    options = SearchConfig(top=5, query_expansion=2)
    (everything,) = found(run, [vector(0, 1)], options)
    (left,) = found(run, [vector(0, 1)], options, frozenset(["a.png", "b.png"]))
    plain = found(run, [vector(0, 1)], SearchConfig(top=5))[0]
    assert [match.distance for match in everything] != [match.distance for match in plain]
    assert [(match.id, match.distance) for match in left] == [(match.id, match.distance) for match in everything[2:]]


def test_matches_of_regions_have_boxes(tmp_path: Path) -> None:
    everything = np.eye(len(REGIONS), dtype=np.float32)
    images = {"a.png": everything, "b.png": everything[::-1]}
    run = tiny_run(tmp_path / "run", {"rmac_regions": images})
    (matches,) = found(run, [everything[:1]], SearchConfig(method="rmac_regions+match"))
    assert {match.id: match.box for match in matches} == {"a.png": REGIONS[0], "b.png": REGIONS[-1]}


def test_matches_have_the_users_own_columns_unless_they_are_held_elsewhere(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", {"single": LINE})
    assert found(run, [vector(0, 1)], SearchConfig(top=1))[0][0].columns == {}
    give_columns(run, {"title": {"a.png": "A"}, "year": {"b.png": 1901}})
    (matches,) = found(run, [vector(0, 1)], SearchConfig(top=3))
    assert [match.columns for match in matches] == [
        {"title": "A", "year": None},
        {"title": None, "year": 1901},
        {"title": None, "year": None},
    ]
    assert OpenRun(run).search([vector(0, 1)], 1)[0].columns == {}
