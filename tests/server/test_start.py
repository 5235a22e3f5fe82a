"""Mistakes are found before anything is loaded, and the address is that of the first page."""

import socket
from pathlib import Path

import pytest

from osrmac.config import ServeConfig
from osrmac.errors import ConfigError, NotFoundError
from osrmac.server import start
from osrmac.server.start import serve

TOKEN = "0123456789abcdef"


def never(url: str) -> None:
    raise AssertionError(url)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold at least 16 characters"),
        (TOKEN[1:].encode(), "must hold at least 16 characters"),
        (b"sixteen letters and spaces", "must hold at least 16 characters"),
        (f"{TOKEN}\n{TOKEN}".encode(), "must hold at least 16 characters"),
        ("0123456789abcd\xe9f".encode(), "must hold at least 16 characters"),
        (b"\xff" * 20, "cannot be read: UnicodeDecodeError"),
        (None, "cannot be read: FileNotFoundError"),
    ],
)
def test_a_bad_token_file_is_refused_before_the_run_is_opened(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises((ConfigError, NotFoundError), match=message) as caught:
        serve("no run", ServeConfig(token_file=str(tmp_path / "token")), never)
    assert caught.value.exit_status == 2
    assert "\n" not in str(caught.value)


def test_a_token_is_that_of_the_file_or_a_new_one_where_one_is_needed(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"  {TOKEN}\r\n")
    assert start._token(ServeConfig(token_file=str(tmp_path / "token"))) == TOKEN
    assert start._token(ServeConfig()) is None
    first, second = (start._token(ServeConfig(host="0.0.0.0")) or "" for _ in range(2))
    assert first != second
    assert len(first) >= 32


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_address_in_use_is_refused(host: str) -> None:
    with socket.create_server((socket.gethostbyname(host), 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen at 127.0.0.1 port {port}: .*in use; choose others with"):
            serve("no run", ServeConfig(host="127.0.0.1", port=port), never)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid", "999.1.1.1", "a..b", "x" * 300, ""])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot listen at .* port 0: .*; choose others with --host and --port"):
        serve("no run", ServeConfig(host=host, port=0), never)


def test_nothing_is_listened_to_when_the_run_cannot_be_opened(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotFoundError, match="no run at"):
        serve(str(tmp_path / "run"), ServeConfig(port=port), never)
    with socket.create_server(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "http://127.0.0.1:80/"),
        ({"host": "::1"}, "http://[::1]:80/"),
        ({"host": "10.0.0.1"}, "http://10.0.0.1:80/?token=a%2Fb"),
        ({"host": "0.0.0.0"}, "http://museum:80/?token=a%2Fb"),
        ({"host": "::"}, "http://museum:80/?token=a%2Fb"),
        ({"root_path": "/photos/"}, "http://127.0.0.1:80/photos/?token=a%2Fb"),
        ({"token_file": "token"}, "http://127.0.0.1:80/"),  # whoever wrote the file knows it
    ],
)
def test_the_address_of_the_first_page(
    options: dict[str, object], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "museum")
    config = ServeConfig(**options)  # type: ignore[arg-type]
    assert start._url(config, 80, "a/b" if config.needs_token else None) == expected


def test_names_by_which_the_server_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Museum")
    monkeypatch.setattr(socket, "getfqdn", lambda: "museum.example.org")
    local = start._access(ServeConfig(allowed_host=("Search.Example.Org", "[fd00::1]")), None)
    assert local.hosts == {"localhost", "127.0.0.1", "::1", "search.example.org", "fd00::1"}
    assert not local.any_address
    everywhere = start._access(ServeConfig(host="0.0.0.0"), TOKEN)
    assert everywhere.any_address
    for host in ("museum:8000", "museum.example.org", "10.0.0.1:8000", "[fe80::1]:8000"):
        assert everywhere.has_host(host)
    assert not everywhere.has_host("evil.org")
