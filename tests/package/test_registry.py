"""The wheel, installed from the package registry into a clean environment: `make package`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.documents import ROOT
from tests.package.installation import run, try_out

pytestmark = [pytest.mark.package, pytest.mark.timeout(3600)]


def test_the_demo_and_the_first_examples_run_after_an_installation_by_pip(wheel: Path, tmp_path: Path) -> None:
    interpreter = os.environ.get("OSRMAC_PYTHON") or sys.executable
    start = time.perf_counter()
    subprocess.run([interpreter, "-m", "venv", tmp_path / "environment"], check=True)
    python = tmp_path / "environment" / "bin" / "python"
    pins = ROOT / "constraints.txt"
    run(tmp_path, python, "-m", "pip", "install", "--quiet", "--constraint", pins, f"{wheel}[demo]")
    installed = time.perf_counter()
    try_out(python, tmp_path)
    print(
        f"\n{interpreter}: installed in {installed - start:.0f} s, tried out in {time.perf_counter() - installed:.0f} s"
    )
