"""The rows: what is planned, and what is known of each image afterwards."""

from collections.abc import Collection, Iterable, Mapping

import pyarrow as pa

__all__ = [
    "COLLECTION",
    "FAILED",
    "OK",
    "QUERIES",
    "descriptors",
    "manifest",
    "query_results",
    "reduced",
    "regions_type",
    "vector_type",
]

OK, FAILED = "ok", "failed"

COLLECTION = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("etag", pa.string()),
        pa.field("mtime", pa.timestamp("us", "UTC")),
    ]
)

QUERIES = COLLECTION.append(pa.field("box", pa.list_(pa.float64(), 4)))
"""The same with left, top, right and bottom, in pixels, of the part of the image that is described."""


def manifest(collection: pa.Schema) -> pa.Schema:
    """What is planned of a collection: the shard of each row, and how often it was planned anew."""
    own = [pa.field("shard", pa.string(), nullable=False), pa.field("generation", pa.int32(), nullable=False)]
    return pa.schema([*collection, *own])


def vector_type(dimension: int) -> pa.DataType:
    """The plain Arrow type of a descriptor."""
    return pa.list_(pa.float32(), dimension)


def regions_type(dimension: int) -> pa.DataType:
    """The plain Arrow type of one vector for each region, of which there may be any number."""
    return pa.list_(vector_type(dimension))


def descriptors(dimensions: Mapping[str, int], fingerprint: str, regional: Collection[str] = ()) -> pa.Schema:
    """One row for each planned image, with a column for each recipe that is null where the image failed."""
    types = {
        recipe: regions_type(dimension) if recipe in regional else vector_type(dimension)
        for recipe, dimension in dimensions.items()
    }
    fields = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error_stage", pa.string()),
        pa.field("error", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        *(pa.field(recipe, of_recipe) for recipe, of_recipe in types.items()),
    ]
    return pa.schema(fields, metadata={"osrmac.fingerprint": fingerprint})


def reduced(dimension: int, fingerprint: str, selection: str) -> pa.Schema:
    """One row for each described image: its id and the selected features."""
    fields = [pa.field("id", pa.string(), nullable=False), pa.field("vector", vector_type(dimension), nullable=False)]
    return pa.schema(fields, metadata={"osrmac.fingerprint": fingerprint, "osrmac.selection": selection})


def query_results(measures: Iterable[str]) -> pa.Schema:
    """One row for each query of each method and query mode, made from `osrmac.types.QueryResult`."""
    shown = pa.struct([pa.field("id", pa.string()), pa.field("verdict", pa.string())])
    fields = [
        pa.field("system", pa.string(), nullable=False),
        pa.field("mode", pa.string(), nullable=False),
        pa.field("query", pa.string(), nullable=False),
        *(pa.field(measure, pa.float64()) for measure in measures),
        pa.field("positives", pa.int64()),
        pa.field("first", pa.list_(pa.string())),
        pa.field("image", pa.string()),
        pa.field("box", pa.list_(pa.float64(), 4)),
        pa.field("ranks", pa.list_(pa.int64())),
        pa.field("nearest", pa.list_(shown)),
    ]
    return pa.schema(fields)
