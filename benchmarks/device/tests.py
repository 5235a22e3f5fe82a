"""Tests of the descriptors, among them those that need a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.common import ROOT
from benchmarks.device.section import Checks
from benchmarks.device.settings import Settings

_FOLDER = "tests/descriptor"
_TINY = (f"{_FOLDER}/test_device.py", f"{_FOLDER}/test_batching.py")


def checks(settings: Settings) -> Checks:
    yield "pytest", partial(_run, settings.pick((_FOLDER,), _TINY), settings.threads)


def _run(paths: tuple[str, ...], processes: int) -> dict[str, object]:
    """Run tests; other versions of the libraries deprecate other functions, so such warnings fail none.

    pytest-benchmark warns about several processes, which would end the tests.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        deprecations = [f"-Wdefault::{kind}" for kind in ("DeprecationWarning", "FutureWarning")]
        options = ["-q", "-n", str(processes), "-p", "no:benchmark", *deprecations, f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *paths]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        print(done.stdout)
        cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    return {
        "summary": next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "no output"),
        "exit status": done.returncode,
        "failed": _named(cases, "failure") | _named(cases, "error"),
        "skipped": _named(cases, "skipped"),
    }


def _named(cases: list[ElementTree.Element], outcome: str) -> dict[str, str]:
    """Return the first line of the message of each test with an outcome."""
    found = ((case, case.find(outcome)) for case in cases)
    return {
        f"{case.get('classname')}.{case.get('name')}": ((result.get("message") or "").splitlines() or [""])[0][:300]
        for case, result in found
        if result is not None
    }
