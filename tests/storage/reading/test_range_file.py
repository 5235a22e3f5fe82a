import io
import os
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.storage.reading import range_file
from osrmac.storage.reading.content import Span
from osrmac.storage.reading.range_file import open_ranges

CONTENT = os.urandom(5000)
steps = st.lists(
    st.tuples(st.integers(0, 6000), st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END]), st.integers(-1, 3000))
)


@given(steps)
def test_it_reads_like_a_file_in_memory(steps: list[tuple[int, int, int]]) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/ranges", CONTENT)
    with open_ranges(fs, "/ranges", timeout=9, block=700) as file:
        expected = io.BytesIO(CONTENT)
        for offset, whence, length in steps:
            assert file.seek(offset, whence) == expected.seek(offset, whence)
            assert file.read(length) == expected.read(length)
            assert file.tell() == expected.tell()


def test_what_lies_within_a_block_costs_one_request() -> None:
    read: list[Span] = []

    def part(span: Span) -> bytes:
        read.append(span)
        return CONTENT[span.start : span.stop]

    file = io.BufferedReader(range_file._Ranges(part, len(CONTENT)), 1000)
    for position in (0, 512, 900, 3000, 3512, 4999):
        file.seek(position)
        assert file.read(1) == CONTENT[position : position + 1]
    assert read == [Span(0, 1000), Span(3000, 1000), Span(4999, 1)]


def test_a_local_file_is_opened_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    with open_ranges(fsspec.filesystem("file"), str(tmp_path / "a"), timeout=9, block=10) as file:
        assert file.read() == CONTENT


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError), open_ranges(fsspec.filesystem("memory"), "/none", timeout=9, block=10):
        pass
