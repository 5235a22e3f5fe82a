from pathlib import Path

import pytest

from osrmac.estimation.scratch import scratch_folder


def test_nothing_is_left_of_the_folder(tmp_path: Path) -> None:
    with scratch_folder(str(tmp_path)) as folder:
        (folder / "manifest" / "part.parquet").write_bytes(b"rows")
        assert folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_removed_after_an_error_too(tmp_path: Path) -> None:
    def interrupted() -> None:
        with scratch_folder(str(tmp_path)) as folder:
            (folder / "a").write_bytes(b"")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_the_default_is_the_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder(None) as folder:
        assert Path(folder).parent == tmp_path


def test_a_bucket_is_left_as_it_was(bucket: str) -> None:
    with scratch_folder(f"{bucket}/runs") as folder:
        (folder / "descriptors" / "part.parquet").write_bytes(b"rows")
    assert not folder.exists()
