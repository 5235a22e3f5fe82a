"""The health check of the container image."""

import socket
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from image.healthcheck import is_healthy, option
from tests.http_servers import http_server


class Answer(BaseHTTPRequestHandler):
    """Answers each request with the status of the server."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with http_server(Answer) as http:
        yield http


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that a check started; each of them fails."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, returncode=1)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def serving(*options: str) -> list[str]:
    return ["tini", "-g", "--", "/opt/osrmac/bin/python3", "/opt/osrmac/bin/osrmac", "serve", "/data/run", *options]


@pytest.mark.parametrize(
    ("words", "value"),
    [(["--port", "80"], "80"), (["--port=80"], "80"), (["--root-path", "/x"], "8000"), ([], "8000")],
)
def test_options_are_read_in_both_forms(words: list[str], value: str) -> None:
    assert option(words, "--port", "8000") == value


@pytest.mark.parametrize("status", [200, 403])
def test_a_web_application_is_healthy_if_it_answers(
    status: int, server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answer, "status", status)
    assert is_healthy(serving("--port", str(server.server_port)))
    assert is_healthy(serving("--host=0.0.0.0", f"--port={server.server_port}"))


def test_a_web_application_is_not_healthy_if_it_fails_or_does_not_answer(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answer, "status", 500)
    assert not is_healthy(serving("--port", str(server.server_port)))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert not is_healthy(serving("--port", str(unused.getsockname()[1])))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/bin/bash -c -- ulimit -n 65536; ray start --head --block", ["ray", "health-check"]),
        ("osrmac run s3://archive/scans s3://archive/scans-run", ["osrmac", "--version"]),
        ("bash", ["osrmac", "--version"]),
    ],
)
def test_other_containers_are_checked_by_a_command(line: str, command: list[str], started: list[list[str]]) -> None:
    assert not is_healthy(line.split())
    assert started == [command]
