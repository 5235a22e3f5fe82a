import sys
from pathlib import Path

import pytest
from fsspec.registry import _registry

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


def test_a_missing_package_of_the_hugging_face_hub_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(_registry, "hf", raising=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(StorageError, match=r"hf://datasets/me/x needs huggingface_hub: pip install 'osrmac\[hugging"):
        open_url("hf://datasets/me/x")
