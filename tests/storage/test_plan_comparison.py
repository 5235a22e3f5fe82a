import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from osrmac.storage import manifest, schema
from osrmac.storage.file_names import to_unicode
from osrmac.storage.location import Location
from osrmac.storage.plan_comparison import compare_with_plan
from osrmac.storage.reading.member_uri import ByteRange, Row

NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
EVENING = NOON.replace(hour=18)
KNOWN = {"uri": "/photos/a.jpg", "size": 5, "etag": "v1", "mtime": NOON}


def listing(*images: dict[str, Any]) -> pa.Table:
    rows = [{name: image.get(name) for name in schema.COLLECTION.names} for image in images]
    return pa.Table.from_pylist(rows, schema.COLLECTION)


def plan(tmp_path: Path, *images: dict[str, Any]) -> Location:
    folder = Location.of(tmp_path / "manifest")
    manifest.update(folder, Location.of(tmp_path / "descriptors"), [listing(*images)], manifest.shards_of(2))
    return folder


@pytest.mark.parametrize(
    ("planned", "listed", "state"),
    [
        ({}, {}, None),
        ({}, {"size": 6}, "changed"),
        ({}, {"etag": "v2"}, "changed"),
        ({}, {"mtime": EVENING}, "changed"),
        ({}, {"etag": None, "mtime": None}, None),
        ({"size": None}, {}, "learned"),
        ({"etag": None, "mtime": None}, {}, "learned"),
        ({"etag": None}, {"mtime": EVENING}, "changed"),
        ({}, {"uri": "/moved/a.jpg"}, "moved"),
        ({}, {"uri": "/moved/a.jpg", "mtime": EVENING}, "moved"),
        ({}, {"uri": "/moved/a.jpg", "etag": "v2"}, "moved"),
        ({}, {"uri": "/moved/a.jpg", "etag": "v2", "mtime": EVENING}, "replaced"),
        ({}, {"uri": "/moved/a.jpg", "etag": None, "mtime": None}, "replaced"),
        ({}, {"uri": "/moved/a.jpg", "size": 6}, "replaced"),
        ({}, {"uri": "/moved/a.jpg", "size": None}, "replaced"),
    ],
)
def test_a_listed_image_is_compared_with_its_plan(
    planned: dict[str, Any], listed: dict[str, Any], state: str | None, tmp_path: Path
) -> None:
    folder = plan(tmp_path, {"id": "a.jpg"} | KNOWN | planned)
    with compare_with_plan(folder, [listing({"id": "a.jpg"} | KNOWN | listed)], trust_size=False) as found:
        differing = [(part, rows["state"].to_pylist()) for part, rows in found.differing()]
    assert differing == ([("part-00000.parquet", [state])] if state else [])


@pytest.mark.parametrize(
    ("planned", "listed", "state"),
    [
        ({"title": "A"}, {"title": "A"}, None),
        ({"title": "A"}, {"title": "B"}, "relabelled"),
        ({"title": None}, {"title": "B"}, "relabelled"),
        ({"title": "A"}, {"title": None}, "relabelled"),
        ({}, {"title": "A"}, "relabelled"),
        ({}, {"title": None}, None),
        ({"title": "A"}, {}, None),
        ({"title": "A", "year": 1}, {"title": "A"}, "relabelled"),
        ({"title": "A"}, {"Title": "A"}, "relabelled"),
        ({"year": 1}, {"year": "1"}, "relabelled"),  # which has another type
        ({"state": "A", "part": "B", "own": "C"}, {"state": "A", "part": "B", "own": "C"}, None),
        ({"title": "A"}, {"title": "B", "size": 6}, "changed"),
        ({"title": "A", "etag": None}, {"title": "B"}, "learned"),
        ({"title": "A"}, {"title": "B", "uri": "/moved/a.jpg"}, "moved"),
    ],
)
def test_the_users_own_columns_are_compared_apart_from_the_version(
    planned: dict[str, Any], listed: dict[str, Any], state: str | None, tmp_path: Path
) -> None:
    """Whatever else differs, the listed row has the new values, and says that they differ."""

    def with_own(row: dict[str, Any]) -> pa.Table:
        own = {name: value for name, value in row.items() if name not in schema.COLLECTION.names}
        rows = listing({"id": "a.jpg"} | KNOWN | row)
        for name, value in own.items():
            rows = rows.append_column(name, pa.array([value], pa.string() if value is None else None))
        return rows

    folder = Location.of(tmp_path / "manifest")
    manifest.update(folder, Location.of(tmp_path / "shards"), [with_own(planned)], manifest.shards_of(2))
    with compare_with_plan(folder, [with_own(listed)], trust_size=False) as found:
        differing = [(rows["state"].to_pylist(), found.own_columns(rows).to_pylist()) for _, rows in found.differing()]
        assert all(rows["own_differ"].to_pylist() == [True] for _, rows in found.differing())
    own = {name: value for name, value in listed.items() if name not in schema.COLLECTION.names}
    assert differing == ([([state], [{"id": "a.jpg"} | own])] if state else [])


def test_a_trusted_size_is_enough_for_an_image_that_moved(tmp_path: Path) -> None:
    folder = plan(tmp_path, {"id": "a.jpg"} | KNOWN)
    for size, state in ((5, "moved"), (6, "replaced"), (None, "replaced")):
        moved = {"id": "a.jpg", "uri": "/moved/a.jpg", "size": size}
        with compare_with_plan(folder, [listing(moved)], trust_size=True) as found:
            ((_, rows),) = found.differing()
        assert rows["state"].to_pylist() == [state]


def test_new_removed_repeated_and_renamed_images_are_counted(tmp_path: Path) -> None:
    folder = plan(tmp_path, *({"id": name, "uri": f"/{name}"} for name in "abc"))
    listed = [listing({"id": "a", "uri": "/a"}, {"id": "e", "uri": "/c"}), listing(*[{"id": "d", "uri": "/d"}] * 2)]
    with compare_with_plan(folder, listed, trust_size=False) as found:
        assert (found.planned, found.new, found.removed) == (3, 3, 2)
        assert found.repeated_ids() == ["d"]
        assert found.renamed() == [("c", "e")]
        assert pa.concat_tables(found.unplanned())["id"].to_pylist() == ["d", "d", "e"]


@pytest.mark.parametrize(
    ("planned", "listed", "other"),
    [
        (["/x/1", "/x/2", "/x/3"], ["/y/1", "/y/2", "/x/3"], ("1", "/y/1")),
        (["/x/1", "/x/2", "/x/3"], ["/y/1", "/x/2", "/x/3"], None),
        (["/x/1"], ["/y/2"], ("2", "/y/2")),
        (["/x/1"], ["/x/2"], None),
    ],
)
def test_another_folder_is_recognized(
    planned: list[str], listed: list[str], other: tuple[str, str] | None, tmp_path: Path
) -> None:
    folder = plan(tmp_path, *({"id": uri[-1], "uri": uri} for uri in planned))
    rows = listing(*({"id": uri[-1], "uri": uri} for uri in listed))
    with compare_with_plan(folder, [rows], trust_size=False) as found:
        assert found.other_collection() == other


def test_a_plan_that_does_not_exist_has_no_images(tmp_path: Path) -> None:
    rows = listing({"id": "a", "uri": "/a"})
    with compare_with_plan(Location.of(tmp_path / "manifest"), [rows], trust_size=False) as found:
        assert (found.planned, found.new, found.other_collection()) == (0, 1, None)


A_TAR = {"id": "a.tar/x/é.jpg", "uri": ByteRange("/photos/a.tar", 512, 5, "x/é.jpg").uri, "size": 5, "mtime": NOON}
A_ROW = {"id": "7", "uri": Row("/photos/a.parquet", 3, "image").uri, "etag": "v1"}


@pytest.mark.parametrize(
    ("planned", "listed", "state"),
    [
        (A_TAR, {}, None),
        (A_TAR, {"mtime": EVENING}, "changed"),
        (A_TAR, {"uri": ByteRange("/photos/a.tar", 2048, 5, "x/é.jpg").uri, "mtime": EVENING}, "changed"),
        (A_TAR, {"uri": ByteRange("/photos/a.tar", 2048, 5, "x/é.jpg").uri}, "changed"),
        (A_TAR, {"uri": ByteRange("/moved/a.tar", 512, 5, "x/é.jpg").uri}, "moved"),
        (A_TAR, {"uri": ByteRange("/moved/a.tar", 512, 5, "x/é.jpg").uri, "mtime": EVENING}, "replaced"),
        (A_ROW, {}, None),
        (A_ROW, {"etag": "v2"}, "changed"),
        (A_ROW, {"uri": Row("/moved/a.parquet", 3, "image").uri}, "moved"),
        (A_ROW, {"uri": Row("/moved/a.parquet", 3, "image").uri, "etag": "v2"}, "replaced"),
        (A_ROW, {"uri": Row("/photos/a.parquet", 4, "image").uri, "etag": "v2"}, "replaced"),
    ],
)
def test_an_image_within_a_file_is_compared_with_its_plan(
    planned: dict[str, Any], listed: dict[str, Any], state: str | None, tmp_path: Path
) -> None:
    folder = plan(tmp_path, planned)
    with compare_with_plan(folder, [listing(planned | listed)], trust_size=False) as found:
        assert [rows["state"].to_pylist() for _, rows in found.differing()] == ([[state]] if state else [])


def test_archives_that_were_rewritten_are_the_same_collection_and_those_elsewhere_are_not(tmp_path: Path) -> None:
    names = ["x/é.jpg", "b.jpg", "c\udce9.jpg"]

    def listed(folder: str, start: int, mtime: datetime.datetime) -> pa.Table:
        return listing(
            *(
                {
                    "id": to_unicode(f"a.tar/{name}"),
                    "uri": ByteRange(f"{folder}/a.tar", start, 5, name).uri,
                    "size": 5,
                    "mtime": mtime,
                }
                for name in names
            )
        )

    folder = plan(tmp_path, *listed("/photos", 512, NOON).to_pylist())
    with compare_with_plan(folder, [listed("/photos", 1024, EVENING)], trust_size=False) as found:
        assert found.other_collection() is None
    with compare_with_plan(folder, [listed("/others", 512, EVENING)], trust_size=False) as found:
        assert found.other_collection() == ("a.tar/b.jpg", "/others/a.tar/b.jpg")


def test_rows_are_planned_in_the_order_of_their_files(tmp_path: Path) -> None:
    rows = [
        {"id": f"{9 - number}", "uri": Row(f"/photos/{name}.parquet", number, "image").uri}
        for name, numbers in (("b", range(3)), ("a", range(3, 6)))
        for number in numbers
    ]
    folder = plan(tmp_path, *rows, {"id": "x", "uri": "/photos/x.jpg"}, {"id": "2", "uri": "/photos/2.jpg"})
    assert manifest.read_all(folder, ["id"])["id"].to_pylist() == ["2", "x", "6", "5", "4", "9", "8", "7"]
