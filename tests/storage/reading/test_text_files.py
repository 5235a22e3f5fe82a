import pytest

from osrmac.errors import StorageError
from osrmac.storage.location import Location
from osrmac.storage.reading.text_files import read_texts


def test_a_folder_gives_its_text_files_by_name(folder: Location) -> None:
    (folder / "q_good.txt").write_bytes(b"a\nb")
    (folder / "notes.md").write_bytes(b"-")
    assert read_texts(folder) == {"q_good.txt": "a\nb"}


def test_a_file_gives_itself_whatever_its_suffix(folder: Location) -> None:
    (folder / "notes.md").write_bytes(b"-")
    assert read_texts(folder / "notes.md") == {"notes.md": "-"}


def test_a_byte_order_mark_is_dropped(folder: Location) -> None:
    (folder / "a.csv").write_bytes("\ufeffid,group\n".encode())
    assert read_texts(folder / "a.csv") == {"a.csv": "id,group\n"}


def test_a_missing_file_and_one_that_is_not_text_are_refused(folder: Location) -> None:
    (folder / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StorageError, match="is not UTF-8"):
        read_texts(folder / "a.csv")
    with pytest.raises(StorageError, match="does not exist"):
        read_texts(folder / "b.csv")
