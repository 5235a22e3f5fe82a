from pathlib import Path

import pytest

from osrmac.errors import StorageError
from osrmac.storage.filesystem import open_url, replacing


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(StorageError, match="carrier-pigeon"):
        open_url("carrier-pigeon://coop/a.jpg")


def test_a_file_is_replaced_when_it_has_been_written_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "new" / "table"
    with replacing(file) as opened:
        opened.write(b"first")
        assert not file.exists()
    assert file.read_bytes() == b"first"

    def stop() -> None:
        with replacing(file) as opened:
            opened.write(b"second")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        stop()
    assert file.read_bytes() == b"first"
    assert list(file.parent.iterdir()) == [file]
