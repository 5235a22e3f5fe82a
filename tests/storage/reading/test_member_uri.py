import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.credentials import without_credentials
from osrmac.storage.file_names import absolute, is_unicode
from osrmac.storage.reading.member_uri import ByteRange, Row, enclosing_file, image_name, parse

names = st.binary(min_size=1, max_size=40).map(os.fsdecode)
files = st.one_of(
    st.text(max_size=20).map(lambda name: f"/photos/{name}.tar"),
    st.sampled_from(
        ["s3://b/a.tar?versionId=3", "https://h/a.tar?sig=1&se=2", "zip://a.tar::/a::b.zip", "/a::b/c.tar"]
    ),
)
numbers = st.integers(0, 10**13)


@given(files, numbers, numbers, names)
def test_the_uri_of_a_member_is_parsed_again(file: str, start: int, length: int, name: str) -> None:
    part = ByteRange(file, start, length, name)
    assert parse(part.uri) == part
    assert enclosing_file(part.uri) == file
    assert image_name(part.uri) == name
    assert part.uri.removesuffix(file).isascii()
    assert part.uri.endswith(f"::{file}")


@given(files, numbers, names)
def test_the_uri_of_a_row_is_parsed_again(file: str, number: int, column: str) -> None:
    row = Row(file, number, column)
    assert parse(row.uri) == row
    assert image_name(row.uri) == row.uri
    assert parse(absolute(row.uri, "/here")) == row


@given(st.text())
def test_no_path_is_taken_for_a_part_of_a_file(name: str) -> None:
    for path in (f"/{name}", f"/bytes://1+2/{name}", f"/row://1/{name}", f"/photos/{name}/bytes://1+2/a.jpg::/b.tar"):
        assert parse(path) is None
        assert enclosing_file(path) == path
    assert parse(absolute(f"photos/{name}", "/here")) is None


@pytest.mark.parametrize("url", ["zip://a.jpg::/b.zip", "s3://b/bytes://1+2/a.jpg::/b.tar", "bytes://1/a.jpg::/b.tar"])
def test_no_other_url_is_taken_for_a_part_of_a_file(url: str) -> None:
    assert parse(url) is None


def test_rows_sort_as_numbers() -> None:
    uris = [Row("/a.parquet", number, "image").uri for number in (0, 9, 10, 999_999, 123_456_789)]
    assert uris == sorted(uris)


def test_credentials_of_an_archive_are_removed_and_names_are_kept() -> None:
    part = ByteRange("https://me:secret@host/a.tar?X-Amz-Signature=0f&size=2", 5, 6, "me@home?token=1.jpg")
    bare = without_credentials(part.uri)
    assert parse(bare) == ByteRange("https://host/a.tar?size=2", 5, 6, "me@home?token=1.jpg")
    assert is_unicode(bare)
