import pyarrow as pa
import pytest

from osrmac.storage.planning.rows import replanned, shard_ranges, with_own_columns, with_rows

PLANNED = pa.table(
    {
        "id": ["a", "b", "c"],
        "uri": ["/a", "/b", "/c"],
        "title": ["A", None, "C"],
        "year": [1, 2, 3],
        "shard": ["one", "one", "two"],
        "generation": pa.array([0, 2, 0], pa.int32()),
    }
)


def test_rows_are_grouped_by_shard() -> None:
    assert list(shard_ranges(PLANNED)) == [(0, 2), (2, 3)]


def test_generations_of_rows_planned_again_are_above_all_others_of_their_shard() -> None:
    assert replanned(PLANNED, pa.array(["a", "c"]))["generation"].to_pylist() == [3, 2, 1]
    assert replanned(PLANNED, pa.array(["z"])) is PLANNED


def test_rows_get_values_by_id() -> None:
    listed = pa.table({"id": ["c", "a"], "uri": ["/new/c", "/new/a"]})
    assert with_rows(PLANNED, listed)["uri"].to_pylist() == ["/new/a", "/b", "/new/c"]
    assert with_rows(PLANNED, listed.slice(0, 0)) == PLANNED


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        # The columns of the list come first. It says all about its images: they have no other column any more.
        (
            {"id": ["c"], "licence": ["CC0"]},
            {"licence": [None, None, "CC0"], "title": ["A", None, None], "year": [1, 2, None]},
        ),
        ({"id": ["c", "a"], "title": ["C2", None]}, {"title": [None, None, "C2"], "year": [None, 2, None]}),
        ({"id": ["a", "b", "c"], "title": ["x", "y", "z"]}, {"title": ["x", "y", "z"]}),
        # A list may correct the case of a name, and the type of all values; otherwise they are text.
        ({"id": ["a"], "Title": ["A"]}, {"Title": ["A", None, "C"], "year": [None, 2, 3]}),
        ({"id": ["a", "b", "c"], "year": ["c. 1", "2", None]}, {"year": ["c. 1", "2", None]}),
        ({"id": ["a", "c"], "year": [0.5, 3.0]}, {"year": ["0.5", "2", "3"]}),
        ({"id": ["a", "b", "c"], "year": [0.5, 2.0, 3.0]}, {"year": [0.5, 2.0, 3.0]}),
        ({"id": ["a"], "year": pa.array([None], pa.string())}, {"year": [None, 2, 3], "title": [None, None, "C"]}),
    ],
)
def test_listed_images_have_the_columns_of_the_list_and_others_keep_theirs(
    listed: dict[str, list[object]], expected: dict[str, list[object]]
) -> None:
    found = with_own_columns(PLANNED, pa.table(listed))
    assert found.column_names == ["id", "uri", *expected, "shard", "generation"]
    assert found.select(list(expected)).to_pydict() == expected
    kept = ["id", "uri", "shard", "generation"]
    assert found.select(kept) == PLANNED.select(kept)
