import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from osrmac.server.addresses import BrowseAddress, QueryError, SearchAddress, number
from osrmac.server.columns import Columns

COLUMNS = Columns(pa.table({"id": ["a"], "title": ["A"], "maker & co": ["B"]}))
EDGES = st.integers(-1000, 100_000)


def read(text: str) -> SearchAddress:
    return SearchAddress.of(QueryParams(text), COLUMNS)


@given(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.tuples(EDGES, EDGES, st.integers(1, 1000), st.integers(1, 1000)),
    st.integers(1, 10_000),
    st.sampled_from(["x", "two words", "&=#?%00"]),
)
def test_an_address_says_what_it_was_made_of(
    image: str, corner: tuple[int, int, int, int], page: int, value: str
) -> None:
    left, top, width, height = corner
    box = (float(left), float(top), float(left + width), float(top + height))
    address = SearchAddress(image, None, box, (("maker & co", value), ("title", value)), page)
    assert read(str(address)) == address


def test_a_form_sends_a_box_as_four_fields_and_filters_left_empty() -> None:
    address = read("id=a&box-left=1&box-top=2&box-right=3&box-bottom=4&where.title=&where.maker+%26+co=+b+")
    assert address == SearchAddress("a", None, (1, 2, 3, 4), (("maker & co", "b"),))
    assert read("id=a&box=1,2,3,4") == SearchAddress("a", None, (1, 2, 3, 4))


def test_further_addresses_of_a_query() -> None:
    address = read("upload=k&box=1+2+3+4&where.title=x&page=3")
    assert str(address.at(1)) == "upload=k&box=1+2+3+4&where.title=x"
    assert str(address.whole) == "upload=k&where.title=x"
    assert address.query == [("upload", "k"), ("box", "1 2 3 4")]


def test_an_address_of_images() -> None:
    address = BrowseAddress.of(QueryParams("name=+Tower+&where.title=x&page=2"), COLUMNS)
    assert address == BrowseAddress("Tower", (("title", "x"),), 2)
    assert (str(address), str(address.at(1))) == ("name=Tower&page=2&where.title=x", "name=Tower&where.title=x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id=a&page=0", "page must be a number from 1 to 10000"),
        ("id=a&page=-1", "page must be"),
        ("id=a&page=1.5", "page must be"),
        ("id=a&page=10001", "page must be"),
        ("id=a&page=000010000999999", "page must be"),
        ("id=a&page=" + "9" * 6000, "page must be"),
        ("id=a&page=\u0661", "page must be"),
        ("id=a&page=", "page must be"),
        ("id=a&box=1+2+3", "four numbers"),
        ("id=a&box=1+2+3+x", "four numbers"),
        ("id=a&box-left=1&box-top=2", "four numbers"),
        ("id=a&box=5+2+3+4", "its left before its right"),
        ("id=a&box=1+2+3+nan", "its left before its right"),
        ("id=a&box=1+2+3+1e999", "its left before its right"),
        ("id=a&where.color=red", "there is no column color"),
    ],
)
def test_addresses_that_say_nothing_are_refused(text: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        read(text)


def test_a_number_has_a_default_and_a_limit() -> None:
    assert (number(QueryParams(""), "top", 10, 20), number(QueryParams("top=20"), "top", 10, 20)) == (10, 20)
    with pytest.raises(QueryError, match="top must be a number from 1 to 20"):
        number(QueryParams("top=21"), "top", 10, 20)
