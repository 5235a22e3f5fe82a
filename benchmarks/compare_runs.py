"""Compare two runs bit for bit: descriptors, reductions, reduced vectors, rankings, and the schemas of all files.

    python -m benchmarks.compare_runs RUN OTHER

Times, versions and the profile in run.json are ignored. The exit status is 1 if anything else differs.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

_IGNORED_KEYS = {"osrmac", "versions", "stages", "images"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", type=Path)
    options.add_argument("other", type=Path)
    chosen = options.parse_args()
    lines = list(differences(chosen.run, chosen.other))
    print(*lines, f"{len(result_files(chosen.run))} files compared, {len(lines)} differences", sep="\n")
    sys.exit(bool(lines))


def result_files(run: Path) -> dict[str, Path]:
    """The JSON and Parquet files of a run, by their path within it."""
    return {file.relative_to(run).as_posix(): file for file in run.rglob("*") if file.suffix in {".json", ".parquet"}}


def differences(run: Path, other: Path) -> Iterator[str]:
    first, second = result_files(run), result_files(other)
    for name in sorted(first.keys() ^ second.keys()):
        yield f"{name}: only in {run if name in first else other}"
    for name in sorted(first.keys() & second.keys()):
        compare = _compare_tables if name.endswith(".parquet") else _compare_json
        yield from (f"{name}: {difference}" for difference in compare(first[name], second[name]))


def _compare_tables(one: Path, other: Path) -> Iterator[str]:
    left, right = pq.read_table(one), pq.read_table(other)
    if not left.schema.equals(right.schema, check_metadata=True):
        yield "different schemas"
    elif not left.equals(right):
        yield "different values"


def _compare_json(one: Path, other: Path) -> Iterator[str]:
    left, right = _read_json(one), _read_json(other)
    yield from (f"different {key}" for key in sorted(left.keys() | right.keys()) if left.get(key) != right.get(key))


def _read_json(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(file.read_text())
    return {key: value for key, value in values.items() if key not in _IGNORED_KEYS}


if __name__ == "__main__":
    main()
