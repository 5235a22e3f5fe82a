"""Compare two runs bit for bit: descriptors, selections, reduced vectors, rankings, and the schemas of all files.

    python -m benchmarks.same RUN OTHER

Times, versions and the profile in run.json are left out. The exit status is 1 if anything differs.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

_VOLATILE = {"osrmac", "versions", "stages", "images"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", type=Path)
    options.add_argument("other", type=Path)
    given = options.parse_args()
    found = 0
    for found, line in enumerate(differences(given.run, given.other), 1):  # noqa: B007
        print(line)
    files = comparable(given.run)
    print(f"{len(files)} files compared, {found} differences")
    sys.exit(bool(found))


def comparable(run: Path) -> dict[str, Path]:
    """The files of a run that hold results, by their path in it."""
    return {file.relative_to(run).as_posix(): file for file in run.rglob("*") if file.suffix in {".json", ".parquet"}}


def differences(run: Path, other: Path) -> Iterator[str]:
    ours, theirs = comparable(run), comparable(other)
    for name in sorted(ours.keys() ^ theirs.keys()):
        yield f"{name}: only in {run if name in ours else other}"
    for name in sorted(ours.keys() & theirs.keys()):
        compare = _tables if name.endswith(".parquet") else _objects
        yield from (f"{name}: {difference}" for difference in compare(ours[name], theirs[name]))


def _tables(one: Path, other: Path) -> Iterator[str]:
    left, right = pq.read_table(one), pq.read_table(other)
    if not left.schema.equals(right.schema, check_metadata=True):
        yield "another schema"
    elif not left.equals(right):
        yield "other values"


def _objects(one: Path, other: Path) -> Iterator[str]:
    left, right = _object(one), _object(other)
    yield from (f"another {key}" for key in sorted(left.keys() | right.keys()) if left.get(key) != right.get(key))


def _object(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(file.read_text())
    return {key: value for key, value in values.items() if key not in _VOLATILE}


if __name__ == "__main__":
    main()
