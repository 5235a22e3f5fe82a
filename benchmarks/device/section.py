"""Process of one section: runs its checks one by one, and adds each result to the file as soon as it is there.

A section is a module with a function `checks`, which yields the name of each check with a function that runs it. A
check that raises costs only its own result.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import torch

from benchmarks.device.results import Results
from benchmarks.device.settings import Settings
from osrmac.descriptor.optimize import malloc
from osrmac.errors import reason

__all__ = ["Checks", "run"]

Checks = Iterator[tuple[str, Callable[[], object]]]


def run(section: str, results: Results, settings: Settings) -> None:
    torch.set_num_threads(settings.threads)
    malloc.retain()
    checks: Checks = import_module(f"benchmarks.device.{section}").checks(settings)
    for name, check in checks:
        print(f"{section}: {name}", flush=True)
        started = time.perf_counter()
        try:
            value = check()
        except Exception as error:
            traceback.print_exc()
            value = {"error": reason(error)}
        print(f"{section}: {name}: {time.perf_counter() - started:.1f} s", flush=True)
        results.add(section, name, value)


if __name__ == "__main__":
    run(sys.argv[1], Results(Path(sys.argv[2])), Settings(**json.loads(sys.argv[3])))
