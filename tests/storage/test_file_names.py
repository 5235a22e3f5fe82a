import os

from hypothesis import given
from hypothesis import strategies as st

from osrmac.storage.file_names import file_url, is_unicode, local_path, to_unicode

names = st.lists(st.sampled_from([b"\\", b"x", b"\xe9", b"e9", b"\xc3\xa9", b"%"]), max_size=8).map(b"".join)


@given(names, names)
def test_different_names_stay_different_as_unicode(one: bytes, other: bytes) -> None:
    as_unicode = [to_unicode(os.fsdecode(name)) for name in (one, other)]
    assert (as_unicode[0] == as_unicode[1]) == (one == other)
    assert all(map(is_unicode, as_unicode))


@given(names)
def test_a_unicode_name_without_escapes_is_unchanged(name: bytes) -> None:
    if b"\\x" not in name and is_unicode(os.fsdecode(name)):
        assert to_unicode(os.fsdecode(name)).encode() == name


@given(names)
def test_the_url_of_a_file_is_ascii_and_names_its_bytes(name: bytes) -> None:
    path = os.fsdecode(b"/a/" + name)
    assert file_url(path).isascii()
    assert local_path(file_url(path)) == path


def test_other_urls_are_no_local_paths() -> None:
    assert local_path("s3://bucket/a%20b") == "s3://bucket/a%20b"
