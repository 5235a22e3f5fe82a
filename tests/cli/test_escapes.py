"""Texts from files reach the terminal escaped, whatever command shows them."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from osrmac.cli import main
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

ODD = "\x1b]0;owned\x07\x9b31m\u202e"
ESCAPED = r"\x1b]0;owned\x07\x9b31m\u202e"


@pytest.fixture
def odd_run(tmp_path: Path) -> Run:
    """A run with a described and a failed image, whose ids, and the reason of the failure, have control characters."""
    vectors = {f"{ODD}1.png": [1.0, 0.0], f"{ODD}2.png": [0.0, 1.0], f"{ODD}3.png": [0.6, 0.8]}
    run = tiny_run(tmp_path / "run", {"osrmac": vectors}, failed={f"{ODD}4.png": ("decode", f"{ODD} is damaged")})
    run.evaluation("odd", ".json").write_json(
        {"benchmark": ODD, "measures": [ODD], "coverage": ODD, "conditions": {ODD: ODD}, "scores": []}
    )
    return run


def shown(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """Run a command, and return what it writes to both streams, which may hold no control characters."""
    with suppress(SystemExit):
        main(list(command))
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert not [line for line in text.splitlines() if not line.isprintable()]
    return text


@pytest.mark.parametrize("output_format", ["table", "json"])
def test_ids_and_reasons_of_a_run(odd_run: Run, output_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    form = ("--format", output_format)
    for command in (
        ("info", odd_run.url),
        ("search", odd_run.url, f"{ODD}1.png"),
        ("duplicates", odd_run.url, "--threshold", "3"),
        ("search", odd_run.url, f"{ODD}4.png"),
    ):
        text = shown(capsys, *command, *form)
        assert "owned" in text
        assert output_format == "json" or ESCAPED in text


def test_names_of_tensors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(tmp_path / "photos" / "a.png")
    torch.save({f"{ODD}.weight": torch.zeros(2)}, tmp_path / "odd.pt")
    arguments = ["cam", str(tmp_path / "photos" / "a.png"), "--backbone", "resnet18", "--weights"]
    assert ESCAPED in shown(capsys, *arguments, str(tmp_path / "odd.pt"))


def test_tracebacks(tmp_path: Path) -> None:
    run = tmp_path / ODD
    command = [sys.executable, "-m", "osrmac", "info", str(run), "--debug"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert f"osrmac.errors.NotFoundError: no run at {tmp_path}/{ESCAPED}" in done.stderr
    assert all(line.isprintable() for line in done.stderr.split("\n"))


def test_arguments_that_the_parser_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert ESCAPED in shown(capsys, "info", "RUN", ODD)
    assert ESCAPED in shown(capsys, ODD)
