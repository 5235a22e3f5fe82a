"""Health check of the container image, by what the container runs.

A web application must answer, and a Ray node must be alive. Any other command is healthy while it runs, if osrmac can
be started beside it.
"""

import subprocess
import sys
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path

TIMEOUT = 10
"""Seconds within which a web application must answer."""


def option(words: list[str], name: str, default: str) -> str:
    """Return the value of an option, given as `--name value` or `--name=value`."""
    for word, following in pairwise([*words, ""]):
        if word == name:
            return following
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return default


def answers(host: str, port: int) -> bool:
    """Whether a web application answers, even if it refuses the request."""
    connection = HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/static/style.css")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def is_healthy(words: list[str]) -> bool:
    """Whether a container is healthy whose first process has these arguments."""
    line = " ".join(words)
    if "osrmac serve " in line:
        return answers(option(words, "--host", "127.0.0.1"), int(option(words, "--port", "8000")))
    command = ["ray", "health-check"] if "ray start " in line else ["osrmac", "--version"]
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603 - a constant


if __name__ == "__main__":
    sys.exit(not is_healthy(Path("/proc/1/cmdline").read_text().split("\0")))
