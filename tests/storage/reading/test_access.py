"""Credentials of a listing, and the URLs kept apart from it."""

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.storage import manifest, schema
from osrmac.storage.location import Location
from osrmac.storage.reading.access import AccessUrls, CredentialFilter

SIGNED = "https://host/{}?size=2&sig={}&se=9"


def listing(*images: tuple[str, str]) -> pa.Table:
    return pa.Table.from_pylist([{"id": image, "uri": uri} for image, uri in images], schema=schema.COLLECTION)


def filtered(planned: Location, *images: tuple[str, str]) -> tuple[list[tuple[str, str]], AccessUrls | None]:
    """Ids and URIs of a listing without credentials, and the URLs kept apart."""
    credentials = CredentialFilter(planned)
    tables = list(credentials([listing(image) for image in images]))
    assert all(table.schema == schema.COLLECTION for table in tables)
    return [(row["id"], row["uri"]) for table in tables for row in table.to_pylist()], credentials.access


@pytest.fixture
def planned(tmp_path: Path) -> Location:
    return Location.of(tmp_path / "manifest")


def test_a_listing_without_credentials_stays_as_it_is(planned: Location) -> None:
    table = listing(("a.jpg", "/photos/a.jpg"), ("b?token=1.jpg", "/photos/b?token=1.jpg"), ("c", "s3://archive/me@c"))
    credentials = CredentialFilter(planned)
    assert list(credentials([table])) == [table]
    assert credentials.access is None


def test_credentials_are_kept_apart_from_ids_and_uris(planned: Location) -> None:
    signed, login = SIGNED.format("z.jpg", "1"), "zip://b.jpg::https://me:secret@host/x.zip"
    images, access = filtered(planned, ("7", signed), (signed, signed), ("a", "/photos/a.jpg"), ("b", login))
    bare = "https://host/z.jpg?size=2"
    assert images == [("7", bare), (bare, bare), ("a", "/photos/a.jpg"), ("b", "zip://b.jpg::https://host/x.zip")]
    assert access is not None
    assert access.rows.num_rows == 3
    sent: AccessUrls = pickle.loads(pickle.dumps(access))
    for image, uri in images:
        expected = {"7": signed, bare: signed, "b": login}.get(image, uri)
        assert access.url(image, uri) == sent.url(image, uri) == expected
    assert access.url("zz", "https://host/zz.jpg") == "https://host/zz.jpg"


def test_images_planned_under_ids_with_credentials_keep_them(planned: Location) -> None:
    old, other = SIGNED.format("a.jpg", "old"), SIGNED.format("b.jpg", "old")
    manifest.update(
        planned,
        planned / "shards",
        [listing((old, old), (other, other), ("c", "/photos/c.jpg"))],
        manifest.shards_of(2),
    )
    new, bare = SIGNED.format("a.jpg", "new"), "https://host/{}?size=2"
    images, access = filtered(
        planned, (new, new), (other, other), (bare.format("b.jpg"), "b"), (SIGNED.format("d.jpg", "1"), "d")
    )
    assert images == [
        *((old, bare.format("a.jpg")), (other, bare.format("b.jpg"))),
        *((other, "b"), (bare.format("d.jpg"), "d")),
    ]
    assert access is not None
    assert access.url(old, old) == new
    changes = manifest.update(
        planned,
        planned / "shards",
        CredentialFilter(planned)([listing((new, new), (other, other))]),
        manifest.shards_of(2),
    )
    assert (changes.new, changes.changed) == (0, 0)


def test_an_id_that_names_two_images_without_its_credentials_names_neither(planned: Location) -> None:
    first, second = "https://host/a?token=1", "https://host/a?token=2"
    manifest.update(planned, planned / "shards", [listing((first, first), (second, second))], manifest.shards_of(2))
    images, _ = filtered(planned, (first, first), (second, second), ("https://host/a?token=3", "c"))
    assert [image for image, _ in images] == [first, second, "https://host/a"]
