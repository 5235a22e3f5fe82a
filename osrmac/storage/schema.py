"""Arrow schemas of a run's tables."""

from collections.abc import Collection, Iterable, Mapping

import pyarrow as pa

__all__ = [
    "COLLECTION",
    "DESCRIBED",
    "DUPLICATES",
    "FAILED",
    "OK",
    "OVERVIEW",
    "QUERIES",
    "REMOVED",
    "descriptors",
    "manifest",
    "query_results",
    "reduced",
    "regions_type",
    "vector_type",
]

OK, FAILED = "ok", "failed"
"""Values of the column `status`."""

COLLECTION = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("etag", pa.string()),
        pa.field("mtime", pa.timestamp("us", "UTC")),
    ]
)
"""A listed image: id, location, and its version, which is null where a storage does not report it."""

DESCRIBED = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error_stage", pa.string()),
        pa.field("error", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
    ]
)
"""A planned image in a shard of descriptors, whose columns follow these: see `descriptors`."""

QUERIES = COLLECTION.append(pa.field("box", pa.list_(pa.float64(), 4)))
"""A cropped query: an image with the box to describe (left, top, right, bottom, in pixels)."""

DUPLICATES = pa.schema(
    [
        pa.field("group", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("distance", pa.float32()),
        pa.field("keep", pa.bool_(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("modified", pa.timestamp("us", "UTC")),
    ]
)
"""A member of a group of near-duplicates; in each group, the image to keep comes first."""

REMOVED = pa.schema([pa.field("digest", pa.binary(32), nullable=False)])
"""An image that was removed from a run: the SHA-256 digest of its id or URI."""

OVERVIEW = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("group", pa.int32()),
        pa.field("group_distance", pa.float32()),
        pa.field("x", pa.float32(), nullable=False),
        pa.field("y", pa.float32(), nullable=False),
        pa.field("isolation", pa.float32(), nullable=False),
        pa.field("sampled", pa.bool_(), nullable=False),
    ]
)
"""A described image in the overview of its collection: its group and mean distance to the group, null if it belongs to
none; its place on the map, from 0 to 1; its distance to its tenth-nearest image; whether it was grouped and mapped
itself, not assigned to those that were."""


def manifest(collection: pa.Schema) -> pa.Schema:
    """Schema of the plan: the collection, the shard of each row, and how often the row was planned again."""
    own = [pa.field("shard", pa.string(), nullable=False), pa.field("generation", pa.int32(), nullable=False)]
    return pa.schema([*collection, *own])


def vector_type(dimension: int) -> pa.DataType:
    """Arrow type of a descriptor."""
    return pa.list_(pa.float32(), dimension)


def regions_type(dimension: int) -> pa.DataType:
    """Arrow type of a list of vectors, one for each region of an image."""
    return pa.list_(vector_type(dimension))


def descriptors(dimensions: Mapping[str, int], fingerprint: str, regional: Collection[str] = ()) -> pa.Schema:
    """Schema of a shard of descriptors: one row for each planned image.

    Args:
        dimensions: Length of the descriptor of each recipe; its column is null where the image failed.
        fingerprint: Fingerprint of the run, stored in the metadata.
        regional: Recipes with a vector for each region.
    """
    types = {
        recipe: regions_type(dimension) if recipe in regional else vector_type(dimension)
        for recipe, dimension in dimensions.items()
    }
    vectors = (pa.field(recipe, arrow_type) for recipe, arrow_type in types.items())
    return pa.schema([*DESCRIBED, *vectors], metadata={"osrmac.fingerprint": fingerprint})


def reduced(dimension: int, fingerprint: str, selection: str) -> pa.Schema:
    """Schema of a shard of reduced descriptors: one row for each described image.

    Args:
        dimension: Length of the reduced descriptor.
        fingerprint: Fingerprint of the run, stored in the metadata.
        selection: Digest of the reduction, stored in the metadata.
    """
    fields = [pa.field("id", pa.string(), nullable=False), pa.field("vector", vector_type(dimension), nullable=False)]
    return pa.schema(fields, metadata={"osrmac.fingerprint": fingerprint, "osrmac.selection": selection})


def query_results(measures: Iterable[str]) -> pa.Schema:
    """Schema of an evaluation's query results: one row for each query of each method and query mode.

    The rows are `osrmac.types.QueryResult`s, with one column for each measure of the benchmark, and the group of the
    query: see `osrmac.evaluation.query_groups`.
    """
    match = pa.struct([pa.field("id", pa.string()), pa.field("verdict", pa.string())])
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
        pa.field("nearest", pa.list_(match)),
        pa.field("group", pa.int32()),
    ]
    return pa.schema(fields)
