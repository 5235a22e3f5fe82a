from math import isnan

from osrmac.types import Match, QueryResult


def test_a_match_is_the_same_wherever_its_row_is_stored() -> None:
    assert Match("a", 1, 0.5, shard="one.parquet") == Match("a", 1, 0.5, shard="two.parquet")
    assert Match("a", 1, 0.5) != Match("a", 2, 0.5)


def test_a_ranking_without_distances_has_matches_and_no_box() -> None:
    result = QueryResult("q", (Match("a", 1), Match("b", 2)))
    assert [match.id for match in result.matches] == ["a", "b"]
    assert all(isnan(match.distance) for match in result.matches)
    assert (result.box, result.image, result.ranks, dict(result.values)) == (None, None, (), {})
