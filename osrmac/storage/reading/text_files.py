"""Ground truths and rankings: a file, or the text files of a folder."""

from __future__ import annotations

from osrmac.errors import NotFoundError, StorageError
from osrmac.storage.filesystem import storage_errors
from osrmac.storage.location import Location

__all__ = ["read_files", "read_texts"]


def read_files(location: Location) -> dict[str, bytes]:
    """Return the content of a file, or of each `.txt` file directly in a folder, by file name.

    Raises:
        StorageError: There is no such file or folder.
    """
    with storage_errors(location.url):
        if not location.exists():
            raise NotFoundError(f"{location} does not exist")
        is_folder = location.fs.isdir(location.path)
    return {file.name: file.read_bytes() for file in (location.files(".txt") if is_folder else [location])}


def read_texts(location: Location) -> dict[str, str]:
    """Return the text of a file, or of each `.txt` file directly in a folder, by file name.

    Raises:
        StorageError: There is no such file or folder, or a file is not UTF-8.
    """
    try:
        return {name: content.decode("utf-8-sig") for name, content in read_files(location).items()}
    except UnicodeDecodeError as error:
        raise StorageError(f"{location} is not UTF-8 text") from error
