"""Collections, planned from a folder or list, and lists in several formats."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location


def plan(images: str) -> pa.Table:
    return pa.concat_tables(listing(Location.of(images))).sort_by("id")


def ids(rows: pa.Table) -> list[str]:
    listed: list[str] = rows["id"].to_pylist()
    return listed


def write_list(file: Path, columns: dict[str, Any]) -> str:
    """Write a list as CSV, Parquet or text, depending on the suffix."""
    if file.suffix == ".txt":
        file.write_text("".join(f"{uri}\n" for uri in columns["uri"]))
    elif file.suffix == ".csv":
        pyarrow.csv.write_csv(pa.table(columns), file)
    else:
        pq.write_table(pa.table(columns), file)
    return str(file)
