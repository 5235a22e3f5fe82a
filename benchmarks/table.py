"""Run the benchmarks that need no data, each in a process of its own, and print their results as tables."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

SCRIPTS = ("describe", "stages", "decode", "pipeline", "fit", "search", "memory", "growth", "plan")


def main() -> None:
    for script in SCRIPTS:
        command = [sys.executable, "-m", f"benchmarks.{script}", *sys.argv[1:]]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        rows = list(flatten(json.loads(output)))
        width = max(len(name) for name, _ in rows)
        print(f"\n{script}", *(f"  {name:<{width}}  {value}" for name, value in rows), sep="\n", flush=True)


def flatten(result: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a nested result with the path to it."""
    if not isinstance(result, dict):
        yield name, result
        return
    for key, value in result.items():
        yield from flatten(value, f"{name}: {key}" if name else key)


if __name__ == "__main__":
    main()
