"""`osrmac serve` as a command: its mistakes, its address, and how it ends."""

import builtins
import io
import json
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from osrmac.cli.app import main
from osrmac.server import start
from osrmac.storage.run import Run
from tests.server.conftest import PLAIN, write_run
from tests.server.processes import serving


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_run(tmp_path_factory.mktemp("served"))


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that `osrmac serve` says before it exits with status 2."""
    with pytest.raises(SystemExit) as stopped:
        main(["serve", *arguments])
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert (shown.out, line[:8]) == ("", "osrmac: ")
    return line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "192.0.2.1"], "cannot listen at 192.0.2.1 port 8000"),
        (["--token-file", "gone"], "--token-file gone cannot be read"),
        (["--columns", "gone.csv"], "no file gone.csv: --columns takes"),
        (["--columns", "pyproject.toml"], "is neither a .csv nor a .parquet file"),
        (["--port", "70000"], "--port must be between 0 and 65535, not 70000"),
        (["--root-path", "search"], "--root-path must be a path"),
        (["--allowed-host", "a.org:80"], "--allowed-host takes names without ports"),
        (["--max-upload", "0"], "--max-upload must be at least 1"),
        (["--port", "0", "--method", "best"], "no method best"),
    ],
)
def test_a_mistake_is_one_line(
    options: list[str], message: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    assert message in refused([run.url, *options], capsys)


def test_a_run_that_is_none_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run at" in refused([str(tmp_path / "run"), "--port", "0"], capsys)


def test_a_run_without_descriptors_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path)
    for shard in (tmp_path / "run" / "descriptors").iterdir():
        shard.unlink()
    with pytest.raises(SystemExit) as stopped:
        main(["serve", run.url, "--port", "0"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "no descriptors yet" in line
    assert stopped.value.code in {1, 2}


def test_a_port_in_use_is_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"cannot listen at 127.0.0.1 port {port}" in refused([run.url, "--port", port], capsys)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_extra_is_one_line(
    missing: str, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, given: Mapping[str, object] | None = None, *rest: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return real(name, given, *rest)

    parent = sys.modules["osrmac"]
    monkeypatch.delattr(parent, "server", raising=False)
    for name in list(sys.modules):
        if name.startswith((missing, "osrmac.server")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    line = refused([run.url, "--port", "0"], capsys)
    assert line == "osrmac: the web application is not installed: pip install 'osrmac[serve]'"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_it_with_one_line(number: int, status: int, word: str, run: Run, tmp_path: Path) -> None:
    with serving(run.url, tmp_path) as server, server.connect() as waiting:
        assert server.ask("/search", {"id": PLAIN[0]}).status == 200
        waiting.sendall(b"GET / HTTP/1.1\r\n")
        server.process.send_signal(number)
        assert server.process.wait(timeout=20) == status
    said = (tmp_path / "errors").read_text()
    assert [line for line in said.splitlines() if line.startswith("osrmac: ")] == [
        f"osrmac: {word}: run the same command again to continue"
    ]
    assert "Traceback" not in said


def test_json_has_the_address(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(start._Server, "run", lambda server, _sockets: server._ready())
    # The network would be made in another thread, while other tests make networks from the same random numbers.
    monkeypatch.setattr(start, "run_in_background", lambda _work: None)
    main(["serve", run.url, "--port", "0", "--format", "json", "--quiet"])
    url = json.loads(capsys.readouterr().out)["url"]
    assert url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("options", [[], ["--format", "json"]], ids=["text", "json"])
def test_the_address_has_the_new_token_and_is_shown_while_the_server_runs(
    options: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = io.BytesIO()
    shown: list[str] = []

    def run_server(server: start._Server, _sockets: object) -> None:
        server._ready()
        shown.append(pipe.getvalue().decode())

    monkeypatch.setattr(start._Server, "run", run_server)
    monkeypatch.setattr(start, "run_in_background", lambda _work: None)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe, write_through=False))
    main(["serve", run.url, "--host", "0.0.0.0", "--port", "0", *options])
    (line,) = shown
    assert re.search(rf"http://{re.escape(socket.gethostname())}:\d+/\?token=[\w-]{{20,}}", line)
