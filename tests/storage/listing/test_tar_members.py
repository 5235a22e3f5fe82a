import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.errors import StorageError
from osrmac.storage.listing.tar_members import TarMembers, read_members
from tests.archives import tar_bytes

LAYOUTS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def members(archive: bytes) -> TarMembers:
    return read_members(io.BytesIO(archive))


def contents(archive: bytes) -> dict[str, bytes]:
    """Contents of the images in an archive, by name, as the positions in it say."""
    found = members(archive).images.to_pylist()
    return {os.fsdecode(row["name"]): archive[row["start"] : row["start"] + row["length"]] for row in found}


names = st.lists(
    st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=200).filter(
        lambda name: name not in {".", ".."}
    ),
    unique=True,
    max_size=5,
)


@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@given(names)
def test_images_of_any_name_are_found(layout: int, names: list[str]) -> None:
    expected = {f"cats/{name}.jpg": name.encode() for name in names}
    assert contents(tar_bytes(expected, layout)) == expected


@pytest.mark.parametrize("layout", LAYOUTS)
def test_names_need_not_be_unicode_and_may_be_long(layout: int) -> None:
    long = f"{'d' * 90}/{'e' * 60}.jpg"
    expected = {long: b"1", "caf\udce9.JPG": b"22", "empty.png": b""}
    assert contents(tar_bytes(expected, layout)) == expected


def test_names_lose_what_stands_before_a_relative_path() -> None:
    archive = tar_bytes({"./a.jpg": b"a", "/b.jpg": b"b", ".//./c/.d.jpg": b"d"})
    assert contents(archive) == {"a.jpg": b"a", "b.jpg": b"b", "c/.d.jpg": b"d"}


def test_of_a_repeated_name_the_last_one_counts_as_when_the_archive_is_unpacked(tmp_path: Path) -> None:
    archive = tar_bytes([("a.jpg", b"old"), ("b.jpg", b"b"), ("./a.jpg", b"new")])
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(tmp_path, filter="data")
    assert contents(archive)["a.jpg"] == (tmp_path / "a.jpg").read_bytes() == b"new"
    assert members(archive).passed_over == {"members replaced by later ones of their name": 1}


def test_links_to_images_in_the_archive_are_images_and_others_are_counted() -> None:
    links = [
        ("hard.jpg", "cats/a.jpg", tarfile.LNKTYPE),
        ("cats/soft.jpg", "a.jpg", tarfile.SYMTYPE),
        ("dogs/up.jpg", "../cats/a.jpg", tarfile.SYMTYPE),
        ("gone.jpg", "elsewhere.jpg", tarfile.SYMTYPE),
        ("out.jpg", "/etc/passwd.jpg", tarfile.SYMTYPE),
        ("pipe.jpg", "", tarfile.FIFOTYPE),
        ("folder.jpg", "", tarfile.DIRTYPE),
    ]
    archive = tar_bytes({"cats/a.jpg": b"a"}, links=links)
    assert contents(archive) == dict.fromkeys(["cats/a.jpg", "hard.jpg", "cats/soft.jpg", "dogs/up.jpg"], b"a")
    assert members(archive).passed_over == {"links to other files": 2, "special": 1}


def test_sparse_files_are_counted() -> None:
    map_of_one = b"1\n0\n3\n".ljust(512, b"\0") + b"abc".ljust(512, b"\0")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("GNUSparseFile.0/hole.jpg")
        member.size = len(map_of_one)
        member.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "hole.jpg",
            "GNU.sparse.realsize": "100000",
        }
        archive.addfile(member, io.BytesIO(map_of_one))
    assert members(buffer.getvalue()).passed_over == {"sparse files": 1}


def test_members_that_are_no_images_are_counted_by_kind() -> None:
    found = members(tar_bytes({"1.jpg": b"", "1.json": b"", "1.CLS": b"", "2.json": b"", "README": b""}))
    assert found.images.num_rows == 1
    assert found.passed_over == {".json": 2, ".cls": 1, "no suffix": 1}
    assert found.damage is None


def test_a_truncated_archive_has_the_members_up_to_the_damage() -> None:
    archive = tar_bytes({f"{number}.jpg": bytes(700) for number in range(4)})
    whole = [member["start"] for member in members(archive).images.to_pylist()]
    for cut in range(512, whole[-1] + 700, 61):
        found = members(archive[:cut])
        begun = sum(start <= cut for start in whole)
        assert [member["start"] for member in found.images.to_pylist()] == whole[:begun]
        assert found.damage is not None
        assert found.damage.endswith(f"after {begun} members")


def test_a_damaged_header_ends_the_archive() -> None:
    archive = bytearray(tar_bytes({"1.jpg": b"1", "2.jpg": b"2"}))
    archive[1024:1100] = b"x" * 76
    assert members(bytes(archive)).damage == "a header is damaged, after 1 members"


@pytest.mark.parametrize("content", [b"", b"no archive", b"x" * 3000, b"\x1f\x8b" + bytes(range(256)) * 9])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(StorageError, match="it is no tar archive"):
        members(content)


def test_an_archive_without_members_is_no_damage() -> None:
    assert members(tar_bytes({})).damage is None
