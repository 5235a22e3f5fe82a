import errno
from typing import ClassVar

import fsspec
import pytest
from botocore.exceptions import ClientError
from fsspec.implementations.memory import MemoryFileSystem

from osrmac.errors import StorageError
from osrmac.storage.filesystem import open_url
from osrmac.storage.location import Location


class _Unconditional(MemoryFileSystem):  # type: ignore[misc]
    """Refuses conditional writes, as S3 servers do that do not implement them."""

    protocol = "unconditional"
    competitor: ClassVar[bytes | None] = None
    """Content that another process writes right after each write."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> None:
        if mode == "create":
            raise OSError(errno.ENOSYS, "Conditional object PUTs are not supported.")
        super().pipe_file(path, value)
        if self.competitor is not None:
            super().pipe_file(path, self.competitor)


def test_the_last_writer_wins_without_conditional_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.register_implementation("unconditional", _Unconditional, clobber=True)
    assert Location.of("unconditional://run/lock").create(b"first")
    assert not Location.of("unconditional://run/lock").create(b"second")
    assert Location.of("unconditional://run/lock").read_bytes() == b"first"
    monkeypatch.setattr(_Unconditional, "competitor", b"theirs")
    assert not Location.of("unconditional://run/contested").create(b"ours")
    assert Location.of("unconditional://run/contested").read_bytes() == b"theirs"


def test_a_failed_precondition_is_recognised_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        status = {"Error": {"Code": "PreconditionFailed"}, "ResponseMetadata": {"HTTPStatusCode": 412}}
        raise OSError(errno.EINVAL, "a pre-condition did not hold") from ClientError(status, "PutObject")

    Location.of("memory://held/lock").write_bytes(b"theirs")
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse)
    assert not Location.of("memory://held/lock").create(b"ours")
    assert not Location.of("memory://released/lock").create(b"ours")


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(StorageError, match="carrier-pigeon"):
        open_url("carrier-pigeon://coop/a.jpg")
