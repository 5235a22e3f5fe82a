"""The wheel, with nothing but the distributions that it declares."""

import json
from pathlib import Path

import pytest

from tests.package.closure import make_environment
from tests.package.installation import run, try_out

pytestmark = pytest.mark.integration

MISSING = """
import importlib, json, pkgutil, osrmac
missing = {}
for module in pkgutil.walk_packages(osrmac.__path__, "osrmac."):
    if module.name == "osrmac.__main__":
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        missing[module.name] = error.name
print(json.dumps(missing))
"""
"""Prints the modules that cannot be imported, with the package that each lacks."""


def missing(python: Path, folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(run(folder, python, "-c", MISSING))
    return found


@pytest.mark.timeout(900)
def test_the_demo_and_the_first_examples_run_with_the_declared_requirements(wheel: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment", wheel, ("demo",))
    quick = ("--image-sizes", "160", "120", "96", "--select", "leverage", "--workers", "1")
    try_out(python, tmp_path, *quick)
    found = missing(python, tmp_path)
    assert set(found.values()) == {"grpc", "starlette", "uvicorn"}
    outside = {name for name in found if not name.startswith("osrmac.server")}
    assert outside == {"osrmac.distributed.cluster.address"}


def test_the_extras_complete_all_modules(wheel: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment", wheel, ("cluster", "heif", "lite", "serve"))
    assert missing(python, tmp_path) == {}
