import pyarrow as pa

from osrmac.storage import schema


def test_descriptors_have_a_nullable_vector_for_each_recipe_and_the_fingerprint() -> None:
    rows = schema.descriptors({"osrmac": 3, "rmac_regions": 2}, "f" * 64, regional=["rmac_regions"])
    assert rows.field("osrmac").type == pa.list_(pa.float32(), 3)
    assert rows.field("rmac_regions").type == pa.list_(pa.list_(pa.float32(), 2))
    assert [field.name for field in rows if not field.nullable] == ["id", "uri", "status"]
    assert rows.metadata == {b"osrmac.fingerprint": b"f" * 64}


def test_a_manifest_adds_the_shard_and_its_generation_to_the_collection() -> None:
    assert schema.manifest(schema.QUERIES).names == [*schema.QUERIES.names, "shard", "generation"]


def test_reduced_rows_name_the_reduction_that_made_them() -> None:
    rows = schema.reduced(4, "fingerprint", "digest")
    assert rows.field("vector").type == pa.list_(pa.float32(), 4)
    assert rows.metadata == {b"osrmac.fingerprint": b"fingerprint", b"osrmac.selection": b"digest"}


def test_query_results_have_a_column_for_each_measure() -> None:
    assert {"mAP", "mP@1"} <= set(schema.query_results(["mAP", "mP@1"]).names)
