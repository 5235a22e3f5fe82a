"""What must work where osrmac was installed, away from its checkout."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests import documents

_QUICK_START = documents.ROOT / "README.md"
_API = documents.ROOT / "docs" / "api.md"


def run(folder: Path, *command: object) -> str:
    """Run a command in a folder, without the checkout in its path; return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, check=False, stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == 0
    return done.stdout


def try_out(python: Path, folder: Path, *options: str) -> None:
    """Run the demo and searches of its run in an environment, as the README and the first example of api.md do.

    Args:
        python: Interpreter of the environment.
        folder: Empty folder to work in.
        options: Options of the demo.
    """
    osrmac = python.with_name("osrmac")
    run(folder, osrmac, "demo", "pictures-run", *options)
    assert (folder / "pictures-run" / "report.html").stat().st_size > 100_000
    nearest, *_ = run(folder, osrmac, "search", "pictures-run", "brick/1.jpg", "--format", "json").splitlines()
    assert json.loads(nearest)["id"] == "brick/1.jpg"
    shutil.copy(folder / "pictures-run" / "collection" / "images" / "cat" / "2.jpg", folder / "flyer.jpg")
    assert run(folder, python, "-c", _first_example(_QUICK_START)).startswith("1 cat/2.jpg ")
    run(folder, python, "-c", _first_example(_API))


def _first_example(page: Path) -> str:
    return next(block.code for block in documents.blocks(page) if block.language == "python")
