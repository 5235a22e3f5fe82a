"""Builds of the distributions of this checkout, without the network."""

import subprocess
import sys
from pathlib import Path


def build(source: Path, folder: Path, *targets: str) -> None:
    """Build distributions of a source folder, `wheel` or `sdist`, into a folder."""
    chosen = [argument for target in targets for argument in ("--target", target)]
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder), *chosen]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
