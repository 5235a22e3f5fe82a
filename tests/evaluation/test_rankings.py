"""Ranking files in the formats of VGG, INRIA and ILIAS."""

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation.rankings import parse, parse_ranks
from osrmac.types import Rank


def test_one_file_per_query_lists_one_image_per_line() -> None:
    files = {"all_souls_1.txt": "b\na\n\nc\n", "all_souls_2_top.txt": "c\r\n  a  \r\n"}

    assert parse(files) == {"all_souls_1": ["b", "a", "c"], "all_souls_2": ["c", "a"]}


def test_a_single_query_file_is_read() -> None:
    assert parse({"all_souls_1_top.txt": "b\na\n"}) == {"all_souls_1": ["b", "a"]}


def test_names_may_contain_spaces() -> None:
    assert parse({"1.txt": "my cat.jpg\nmy dog.jpg\n", "2.txt": ""}) == {"1": ["my cat.jpg", "my dog.jpg"], "2": []}


def test_inria_files_list_one_query_per_line_with_ranks() -> None:
    text = "100000.jpg  0 100000.jpg 1 100501.jpg\n\n100100.jpg 2 a.jpg 10 c.jpg 0 b.jpg\n"

    assert parse({"ranks.txt": text}) == {
        "100000": ["100000.jpg", "100501.jpg"],
        "100100": ["b.jpg", "a.jpg", "c.jpg"],
    }


@pytest.mark.parametrize(
    "line", ["100100.jpg 0", "100100.jpg 0 a.jpg 1", "100100.jpg first a.jpg", "100100.jpg -1 a.jpg"]
)
def test_a_malformed_line_is_named(line: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        parse({"ranks.txt": f"100000.jpg 0 100000.jpg\n\n{line}\n"})

    assert str(caught.value) == "ranks.txt, line 3: expected a query image, then pairs of rank and image"


def test_lists_are_rankings_without_ties() -> None:
    assert parse_ranks({"1.txt": "b\na\n", "2.txt": ""}) == {
        "1": [("b", Rank.untied(0)), ("a", Rank.untied(1))],
        "2": [],
    }


def test_scores_are_ranked_by_decreasing_score_and_equal_ones_are_tied() -> None:
    assert parse_ranks({"scores.json": ' {"q": {"b": 0.5, "a": 0.5, "c": 1, "d": -2e-3}, "none": {}}'}) == {
        "q": [("c", Rank(0, 0, 1)), ("a", Rank(1, 1, 2)), ("b", Rank(2, 1, 2)), ("d", Rank(3, 3, 1))],
        "none": [],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "scores.json is not valid JSON: "),
        ('{"a":' * 10**5, "scores.json is not valid JSON: "),
        ('{"q": ["a"]}', "scores.json, query 'q': expected an object with the score of each image"),
        ('{"q": {"a": "high"}}', "scores.json, query 'q': the score of 'a' is 'high', not a finite number"),
        ('{"q": {"a": NaN}}', "scores.json, query 'q': the score of 'a' is nan, not a finite number"),
        ('{"q": {"a": true}}', "scores.json, query 'q': the score of 'a' is True, not a finite number"),
    ],
)
def test_malformed_scores_are_named(text: str, message: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        parse_ranks({"scores.json": text})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
