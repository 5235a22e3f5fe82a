"""How long does osrmac take to start?

Medians of the wall-clock and processor seconds of new processes: of Python alone, of the version, of the help, of the
help of a command, and of a search of a run by the id of one of its images.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

from benchmarks.common import Seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", nargs="?", help="run to search, for example that of the demo")
    options.add_argument("--query", default="brick/1.jpg", help="id of an image of the run")
    options.add_argument("--repeats", type=int, default=9)
    given = options.parse_args()
    osrmac = ("-m", "osrmac")
    commands = {
        "python": ("-c", "pass"),
        "osrmac --version": (*osrmac, "--version"),
        "osrmac --help": (*osrmac, "--help"),
        "osrmac search --help": (*osrmac, "search", "--help"),
    }
    if given.run:
        commands["osrmac search by id"] = (*osrmac, "search", given.run, given.query)
    result = {name: measure(arguments, given.repeats) for name, arguments in commands.items()}
    json.dump(result, sys.stdout, indent=2)


def measure(arguments: tuple[str, ...], repeats: int) -> dict[str, float]:
    """Return the medians of several processes, after one that fills the caches of the system."""
    wall, processor = zip(*[seconds(arguments) for _ in range(repeats + 1)][1:], strict=True)
    return {"wall": round(statistics.median(wall), 3), "processor": round(statistics.median(processor), 3)}


def seconds(arguments: tuple[str, ...]) -> Seconds:
    """Run Python with some arguments; return the wall-clock and the processor time."""
    before, start = _processor_seconds(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start, _processor_seconds() - before


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
