"""The files of a run are as docs/formats.md documents them."""

from collections.abc import Callable
from dataclasses import fields

import pyarrow as pa
import pytest

from osrmac.commands.evaluate import evaluate
from osrmac.commands.fit import fit
from osrmac.commands.fit_weights import fit_weights
from osrmac.config import EvaluationConfig, LayerWeightsConfig, ReductionConfig
from osrmac.reduction.base import LayerWeighting, Projection, Selection
from osrmac.storage import schema, shards
from osrmac.storage.listing.tar_members import MEMBERS
from osrmac.storage.location import Location
from osrmac.storage.run import FORMAT_VERSION, Run
from tests import documents

pytestmark = pytest.mark.integration

PAGE = documents.ROOT / "docs" / "formats.md"
DOCUMENTED = documents.tables(PAGE)
RECIPES = ("single", "early", "osrmac", "osrmac_local")

Column = tuple[str, str, str]
"""Name and type of a column, and whether it may be null: `yes` or `no`."""


def documented(heading: str) -> list[Column]:
    """The columns in the table under a heading of the page."""
    return [(name.strip("`"), of, null) for name, of, null, _ in DOCUMENTED[heading]]


def documented_keys(heading: str) -> list[str]:
    """The first column of the table under a heading of the page."""
    return [row[0].strip("`") for row in DOCUMENTED[heading]]


def columns(table: pa.Schema, size: str = "d") -> list[Column]:
    return [(field.name, type_name(field.type, size), "yes" if field.nullable else "no") for field in table]


def type_name(of: pa.DataType, size: str) -> str:
    """A type as the page writes it, with a placeholder for the length of a vector."""
    if pa.types.is_fixed_size_list(of):
        return f"fixed_size_list<{type_name(of.value_type, size)}>[{4 if of.list_size == 4 else size}]"
    if pa.types.is_list(of):
        return f"list<{type_name(of.value_type, size)}>"
    return {"float": "float32", "double": "float64"}.get(str(of), str(of))


@pytest.fixture
def scored(run: Run, oxford: str) -> Run:
    """A run with every kind of file."""
    fit(run.url, ReductionConfig(select=("pfa",), features=(32,), retained_variance=0.8, whitening=(8,)))
    fit_weights(run.url, options=LayerWeightsConfig(recipe="osrmac", layer_weights=(1.0, 0.5)))
    evaluate(run.url, EvaluationConfig(benchmark="oxford5k", ground_truth=oxford, queries=("whole",), subset=True))
    return run


def first(folder: Location) -> pa.Schema:
    return shards.read(shards.paths(folder)[0]).schema


def test_the_tables_of_a_run_have_the_documented_columns(scored: Run) -> None:
    assert columns(first(scored.manifest)) == documented("manifest")
    *fixed, (_, of, null) = documented("descriptors")
    assert columns(first(scored.descriptors)) == [*fixed, *((name, of, null) for name in RECIPES)]
    assert columns(first(scored.reduced("osrmac-pfa-32"))) == documented("reduced")
    measured = [("mAP" if name == "MEASURE" else name, of, null) for name, of, null in documented("evaluation")]
    assert columns(shards.read(scored.evaluation("oxford5k", "-queries.parquet")).schema) == measured
    assert columns(shards.read(scored.axes("osrmac-whitening-8")).schema, "features_in") == documented("selection")


def test_queries_have_one_column_more_than_images() -> None:
    assert columns(schema.manifest(schema.QUERIES))[:5] == documented("manifest")[:5]
    (box,) = documented("queries")
    assert box in columns(schema.QUERIES)
    assert set(schema.QUERIES.names) - set(schema.COLLECTION.names) == {"box"}


def test_removed_images_have_the_documented_column() -> None:
    assert columns(schema.REMOVED) == documented("removed")


def test_the_images_of_an_archive_have_the_documented_columns() -> None:
    assert columns(MEMBERS) == documented("archives")


def test_an_overview_has_the_documented_columns() -> None:
    assert columns(schema.OVERVIEW) == documented("overview")


def test_the_metadata_keys_are_documented(scored: Run) -> None:
    text = PAGE.read_text()
    for folder in (scored.descriptors, scored.reduced("osrmac-pfa-32")):
        assert all(f"`{key}`" in text for key in shards.read_metadata(shards.paths(folder)[0]))


def test_run_json_has_the_documented_keys(scored: Run) -> None:
    assert list(scored.record()) == documented_keys("run.json")
    assert f"this is format {FORMAT_VERSION}." in PAGE.read_text()


def test_reductions_have_the_documented_keys(scored: Run) -> None:
    rows = [[cell.strip("`") for cell in row] for row in _selection_keys()]
    for name in ("osrmac-pfa-32", "osrmac-random-32", "osrmac-whitening-8", "osrmac-weights"):
        written = scored.selections()[name]
        method = written["method"]
        assert set(written) == {key for key, of, _ in rows if of == "all" or method in of.replace("`", "").split(", ")}


def _selection_keys() -> list[list[str]]:
    """The first of the two tables under the heading `selection`."""
    section = PAGE.read_text().split("\n## selection\n")[1].split("\n## ")[0]
    lines = [line for line in section.split("| column |")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_attribute_of_a_reduction_is_documented() -> None:
    known = {field.name for of in (Selection, Projection, LayerWeighting) for field in fields(of)} - {"axes", "offsets"}
    assert {row[0].strip("`") for row in _selection_keys()} == known | {"digest"}


@pytest.mark.parametrize("change", [lambda s: s.append(pa.field("more", pa.int8())), lambda s: s.remove(1)])
def test_a_changed_schema_is_noticed(change: Callable[[pa.Schema], pa.Schema]) -> None:
    assert columns(schema.COLLECTION) == documented("manifest")[:5]
    assert columns(change(schema.COLLECTION)) != documented("manifest")[:5]
