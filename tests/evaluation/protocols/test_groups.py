"""Groups of relevant images from a CSV."""

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.types import Rank


def load(table: str) -> Benchmark:
    return protocols.load("groups", {"mine.csv": table.encode()}, collection=(), subset=False)


def query(image: str, *others: str) -> Query:
    return Query(image, image, positives=frozenset(others), junk=frozenset([image]))


def test_every_image_is_a_query_without_a_query_column() -> None:
    groups = load("id,group\na/1.jpg,x\nb/1.jpg,x\nc.jpg,y\nalone.jpg,z\nd.jpg,y\n")

    assert groups.modes == {
        "all": (
            query("a/1.jpg", "b/1.jpg"),
            query("b/1.jpg", "a/1.jpg"),
            query("c.jpg", "d.jpg"),
            query("d.jpg", "c.jpg"),
        )
    }
    assert (groups.size, groups.measures) == (None, ("mAP",))
    assert groups.names_of(["a/1.jpg", "b/1.jpg"]) == ["a/1.jpg", "b/1.jpg"]


def test_only_marked_images_are_queries_with_a_query_column() -> None:
    groups = load("query,group,id,note\n1,x,a,first\n0,x,b,\nYes,y,c,\n,y,d,\n no ,x,e,\nTRUE,y,f,\n")

    assert groups.modes == {"marked": (query("a", "b", "e"), query("c", "d", "f"), query("f", "c", "d"))}


def test_a_line_without_a_query_field_is_not_a_query() -> None:
    assert load("id,group,query\na,x,1\nb,x\n").modes == {"marked": (query("a", "b"),)}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_endings_of_every_system_are_read(end: str) -> None:
    assert load(end.join(["id,group", "a,x", "b,x"])).modes == {"all": (query("a", "b"), query("b", "a"))}


def test_ids_may_contain_commas_quotes_and_line_breaks() -> None:
    groups = load('id,group\r\n"a, b.jpg",x\r\n"two\nlines.jpg",x\r\n"a ""quoted"" one.jpg",y\r\n\r\nlast.jpg,y')

    assert [query.image for query in groups.modes["all"]] == [
        "a, b.jpg",
        "two\nlines.jpg",
        'a "quoted" one.jpg',
        "last.jpg",
    ]


def test_an_image_may_be_in_two_groups_if_it_is_a_query_of_one() -> None:
    groups = load("id,group,query\na,x,1\nboth,x,0\nboth,y,1\nb,y,0\n")

    assert groups.modes["marked"] == (query("a", "both"), query("both", "b"))


def test_the_query_is_removed_from_its_own_ranking() -> None:
    groups = load("id,group,query\na,x,1\nb,x,0\nc,x,0\n")
    (query_a,) = groups.modes["marked"]

    # Without the query, the relevant images are first and third.
    ranks = {image: Rank.untied(rank) for rank, image in enumerate(["b", "a", "other", "c"])}
    assert groups.score(query_a, ranks)["mAP"] == pytest.approx(100 * (1 + (1 / 2 + 2 / 3) / 2) / 2)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "must have the columns id and group, not none"),
        ("a,x\nb,x\n", "must have the columns id and group, not 'a', 'x'"),
        ('id,"gro\nup"\na,x\n', r"must have the columns id and group, not 'id', 'gro\\nup'"),
        ("id,group\na\n", "line 2: expected an id, a group"),
        ("id,group\na,x\n,x\n", "line 3: expected an id, a group"),
        ("id,group\na,\n", "line 2: expected an id, a group"),
        ("id,group\na, b,x\n", "line 2: expected an id, a group"),
        ("id,group,query\na,x,perhaps\n", "line 2: expected an id, a group and, if any, query 1 or 0"),
        ("id,group\na,x\nb,x\na,x\n", "line 4: 'a' is listed twice in group 'x'"),
        ('id,group\n"a\nb",x\n"a\nb",x\n', r"line 5: 'a\\nb' is listed twice in group 'x'"),
        ("id,group\na,x\nb,x\na,y\n", "line 4: 'a' is a query of two groups"),
        ("id,group,query\na,x,1\nb,x,0\na,y,1\n", "line 4: 'a' is a query of two groups"),
        ('id,group\n"a,x\nb,x\n', "after line 1: unexpected end of data"),
        ("id,group\na,x\nb,y\n", "has no query whose group has a second image"),
        ("id,group,query\na,x,0\nb,x,0\n", "has no query whose group has a second image"),
        ("id,group\n", "has no query whose group has a second image"),
    ],
)
def test_a_malformed_csv_is_refused_with_its_line(table: str, message: str) -> None:
    with pytest.raises(BenchmarkError, match=rf"^mine\.csv,? {message}") as caught:
        load(table)

    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_skipped() -> None:
    assert load("\ufeffid,group\na,x\nb,x\n") == load("id,group\na,x\nb,x\n")


def test_a_csv_in_another_encoding_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"mine\.csv is not UTF-8 text"):
        protocols.load("groups", {"mine.csv": b"id,group\n\xff,x\n"}, collection=(), subset=False)


def test_several_files_are_refused() -> None:
    with pytest.raises(BenchmarkError, match="one CSV as its ground truth, not 2 files"):
        protocols.load("groups", {"one.txt": b"", "two.txt": b""}, collection=(), subset=False)


def test_ids_and_groups_are_taken_literally() -> None:
    names = ["0001", "1", "1.10", "1.1", "1e5", "100000", "True", "true", "12345678901234567890123"]
    groups = load("id,group\n" + "".join(f"{name},{number // 8}\n" for number, name in enumerate(names)) + "x,01\n")

    assert [query.name for query in groups.modes["all"]] == names[:8]
