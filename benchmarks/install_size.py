"""How large is an installation, on a platform that need not be this one?

uv resolves the requirements with constraints.txt, and the sizes are those of the wheels: to download, and of the files
in them. Python compiles the modules when it first imports them, which adds about a tenth. Prints megabytes.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import fsspec

from benchmarks.common import ROOT

CUDA = ("cuda-", "nvidia-", "triton")
"""Prefixes of the packages that PyTorch's CPU builds do not need."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--extras", nargs="*", default=["lite"])
    options.add_argument("--platform", default="x86_64-manylinux_2_28", help="a platform by uv's name")
    options.add_argument("--python", default="3.11")
    options.add_argument(
        "--torch", type=Path, help="file of a CPU build of torch, to be used in place of the CUDA build"
    )
    given = options.parse_args()
    wheels = dict(resolve(given.extras, given.platform, given.python))
    if given.torch is not None:
        wheels = {name: wheel for name, wheel in wheels.items() if not name.startswith(CUDA)}
        wheels["torch"] = {"url": str(given.torch), "size": given.torch.stat().st_size}
    unpacked = {name: unpacked_size(wheel["url"]) for name, wheel in wheels.items()}
    largest = sorted(unpacked, key=unpacked.__getitem__, reverse=True)[:10]
    result = {
        "platform": given.platform,
        "extras": given.extras,
        "packages": len(wheels),
        "download": megabytes(wheel["size"] for wheel in wheels.values()),
        "unpacked": megabytes(unpacked.values()),
        "largest": {name: megabytes([unpacked[name]]) for name in largest},
    }
    json.dump(result, sys.stdout, indent=2)


def resolve(extras: Iterable[str], platform: str, python: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names of the packages to install, and the wheel of each that suits the platform best."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--format", "pylock.toml", "pyproject.toml"]
    chosen = [argument for extra in extras for argument in ("--extra", extra)]
    target = ["--constraint", "constraints.txt", "--python-platform", platform, "--python-version", python]
    done = subprocess.run([*command, *chosen, *target], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    for package in tomllib.loads(done.stdout)["packages"]:
        yield package["name"], package["wheels"][0]


def unpacked_size(wheel: str) -> int:
    """Bytes of the files in a wheel, of which only the table of contents is read."""
    with fsspec.open(wheel, block_size=2**18) as file, ZipFile(file) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def megabytes(sizes: Iterable[int]) -> int:
    return round(sum(sizes) / 1e6)


if __name__ == "__main__":
    main()
