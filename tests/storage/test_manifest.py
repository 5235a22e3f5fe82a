import datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osrmac.config import CollectionConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.storage import manifest, plan_comparison, schema, shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.manifest import Changes
from osrmac.storage.pruning import removed as removed_images

NOON = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
SHARDS = Location.of("/nowhere")


def rows(sizes: dict[str, int | None], mtime: datetime.datetime | None = NOON) -> pa.Table:
    """A listing of images by size."""
    listed = [
        {"id": name, "uri": f"/photos/{name}", "size": size, "etag": None, "mtime": mtime}
        for name, size in sizes.items()
    ]
    return pa.Table.from_pylist(listed, schema=schema.COLLECTION)


def update(folder: Path, listed: pa.Table, rows_per_shard: int = 2) -> Changes:
    return manifest.update(
        Location.of(folder), Location.of(folder / "shards"), [listed], manifest.shards_of(rows_per_shard)
    )


def planned(folder: Path) -> dict[str, tuple[str, int]]:
    """The shard and generation of each planned image, by id."""
    table = manifest.read_all(Location.of(folder), ["id", "shard", "generation"])
    return {row["id"]: (row["shard"], row["generation"]) for row in table.to_pylist()}


def commit(planned: Location, folder: Location, plan: manifest.ShardPlan) -> None:
    shards.write(folder, pa.table({"id": manifest.read(planned, plan)["id"]}), plan.shard, plan.generation)


def test_images_are_planned_in_shards_in_order_of_id(tmp_path: Path) -> None:
    assert update(tmp_path, rows({"c": 3, "a": 1, "b": 2})) == Changes(new=3, changed=0, removed=0)
    first, second = manifest.shard_plans(Location.of(tmp_path))
    assert (first.rows, second.rows, first.generation) == (2, 1, 0)
    assert (
        manifest.read(Location.of(tmp_path), first).drop_columns(["shard", "generation"]).equals(rows({"a": 1, "b": 2}))
    )
    assert set(planned(tmp_path).values()) == {(first.shard, 0), (second.shard, 0)}


def test_the_name_of_a_shard_depends_only_on_its_ids(tmp_path: Path) -> None:
    update(tmp_path / "one", rows({"a": 1, "b": 2, "c": 3}))
    update(tmp_path / "two", rows({"b": 7, "a": 9, "d": 3}))
    one, two = planned(tmp_path / "one"), planned(tmp_path / "two")
    assert one["a"] == one["b"] == two["a"]
    assert one["c"] != two["d"]


def test_the_same_listing_changes_nothing(tmp_path: Path) -> None:
    update(tmp_path, rows({"a": 1, "b": 2, "c": 3}))
    (part,) = shards.paths(Location.of(tmp_path))
    before = Path(part).stat().st_mtime_ns
    assert update(tmp_path, rows({"c": 3, "b": 2, "a": 1})) == Changes(0, 0, 0)
    assert Path(part).stat().st_mtime_ns == before
    assert shards.paths(Location.of(tmp_path)) == [part]


def test_new_images_are_planned_in_new_shards(tmp_path: Path) -> None:
    update(tmp_path, rows({"b": 1, "d": 2}))
    before = planned(tmp_path)
    assert update(tmp_path, rows({"a": 1, "b": 1, "c": 1, "d": 2, "e": 1})) == Changes(new=3, changed=0, removed=0)
    after = planned(tmp_path)
    assert {name: after[name] for name in before} == before
    assert after["a"] == after["c"] != after["e"]


def test_changed_images_are_planned_again_in_the_same_shard(tmp_path: Path) -> None:
    update(tmp_path, rows({"a": 1, "b": 2, "c": 3}))
    before = planned(tmp_path)
    assert update(tmp_path, rows({"a": 1, "b": 20, "c": 3})) == Changes(new=0, changed=1, removed=0)
    after = planned(tmp_path)
    assert after == before | {"b": (before["b"][0], 1)}
    assert [plan.generation for plan in manifest.shard_plans(Location.of(tmp_path))] == [1, 0]
    assert manifest.read_all(Location.of(tmp_path), ["size"])["size"].to_pylist() == [1, 20, 3]
    assert update(tmp_path, rows({"a": 1, "b": 20, "c": 3})) == Changes(0, 0, 0)
    later = rows({"a": 1, "b": 20, "c": 3}, NOON + datetime.timedelta(microseconds=1))
    assert update(tmp_path, later).changed == 3
    # The new generation of a row is above those of all rows of its shard.
    assert {name: generation for name, (_, generation) in planned(tmp_path).items()} == {"a": 2, "b": 2, "c": 1}


def test_an_unknown_version_is_not_a_change(tmp_path: Path) -> None:
    update(tmp_path, rows({"a": 1, "b": None}))
    assert update(tmp_path, rows({"a": None, "b": 5}, mtime=None)) == Changes(0, 0, 0)


def test_removed_images_stay_planned(tmp_path: Path) -> None:
    update(tmp_path, rows({"a": 1, "b": 2}))
    before = planned(tmp_path)
    assert update(tmp_path, rows({"b": 2})) == Changes(new=0, changed=0, removed=1)
    assert planned(tmp_path) == before


def test_an_id_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    batches = [rows({"a": 1, "b": 2}), rows({"b": 2})]
    with pytest.raises(StorageError, match="names b twice"):
        manifest.update(Location.of(tmp_path), SHARDS, batches, manifest.shards_of(2))
    assert shards.paths(Location.of(tmp_path)) == []


def images(uris: dict[str, str]) -> pa.Table:
    """A listing of images by id."""
    return pa.Table.from_pylist([{"id": name, "uri": uri} for name, uri in uris.items()], schema=schema.COLLECTION)


def test_an_image_that_was_planned_under_another_id_is_refused(tmp_path: Path) -> None:
    update(tmp_path, images({"1": "/a.jpg", "2": "/b.jpg", "ten": "/c.jpg"}))
    before = planned(tmp_path)
    with pytest.raises(StorageError, match=r"^2 images .* first '0001', which is '1' in the run") as caught:
        update(tmp_path, images({"0001": "/a.jpg", "0002": "/b.jpg", "ten": "/c.jpg", "eleven": "/d.jpg"}))
    assert "\n" not in str(caught.value)
    assert planned(tmp_path) == before
    assert update(tmp_path, images({"1": "/a.jpg", "2": "/b.jpg", "eleven": "/d.jpg"})) == Changes(1, 0, 1)


def test_an_image_that_an_earlier_version_planned_with_a_relative_path_is_recognized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    update(tmp_path, images({"1": "./a.jpg", "2": "sub/b.jpg"}))
    with pytest.raises(StorageError, match=r"^2 images .* first '0001', which is '1' in the run"):
        update(tmp_path, images({"0001": f"{tmp_path}/a.jpg", "0002": f"{tmp_path}/sub/b.jpg"}))


def test_a_list_is_the_same_collection_from_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.jpg").touch()
    (tmp_path / "lists" / "list.txt").write_text("a.jpg\ngone.jpg\n")
    monkeypatch.chdir(tmp_path / "lists")
    assert update(tmp_path / "manifest", *listing(Location.of("list.txt"))).new == 2
    before = planned(tmp_path / "manifest")
    monkeypatch.chdir(tmp_path)
    assert update(tmp_path / "manifest", *listing(Location.of("lists/list.txt"))) == Changes(0, 0, 0)
    assert planned(tmp_path / "manifest") == before
    assert set(manifest.read_all(Location.of(tmp_path / "manifest"), ["uri"])["uri"].to_pylist()) == {
        f"{tmp_path}/lists/a.jpg",
        f"{tmp_path}/lists/gone.jpg",
    }


def test_an_image_may_be_listed_under_several_ids(tmp_path: Path) -> None:
    assert update(tmp_path, images({"one": "/a.jpg", "two": "/a.jpg"})).new == 2
    assert update(tmp_path, images({"one": "/a.jpg", "two": "/a.jpg", "three": "/a.jpg"})).new == 1


def test_queries_of_one_image_may_replace_each_other(tmp_path: Path) -> None:
    def query(name: str) -> pa.Table:
        return images({name: "/a.jpg"}).append_column("box", pa.array([None], schema.QUERIES.field("box").type))

    update(tmp_path, query("whole"))
    assert update(tmp_path, query("tower")) == Changes(new=1, changed=0, removed=1)


def test_a_new_part_never_replaces_another(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        update(tmp_path, rows(dict.fromkeys("abc"[: number + 1], 1)))
        assert name in planned(tmp_path)
    first, second, _ = shards.paths(Location.of(tmp_path))
    second.remove()
    update(tmp_path, rows(dict.fromkeys("acd", 1)))
    assert planned(tmp_path).keys() == {"a", "c", "d"}
    assert [part.name for part in shards.paths(Location.of(tmp_path))] == [
        *(f"part-0000{number}.parquet" for number in (0, 2, 3))
    ]
    assert first.exists()


def test_a_shard_is_pending_until_it_is_committed_under_its_generation(tmp_path: Path) -> None:
    plan, folder = Location.of(tmp_path / "plan"), Location.of(tmp_path / "shards")
    update(tmp_path / "plan", rows({"a": 1, "b": 2, "c": 3}))
    first, second = manifest.shard_plans(plan)
    assert manifest.pending([first, second], folder) == [first, second]
    commit(plan, folder, first)
    assert manifest.pending([first, second], folder) == [second]
    manifest.replan(plan, ["b"])
    first, second = manifest.shard_plans(plan)
    assert manifest.pending([first, second], folder) == [first, second]
    commit(plan, folder, first)
    commit(plan, folder, second)
    assert manifest.pending(manifest.shard_plans(plan), folder) == []


def test_new_images_are_divided_evenly_into_a_number_of_shards(tmp_path: Path) -> None:
    update(tmp_path, rows({"a": 1, "b": 2}))
    count = Mock(return_value=3)
    listing = [rows(dict.fromkeys("abcdefgh", 1))]
    manifest.update(Location.of(tmp_path), SHARDS, [rows(dict.fromkeys("cdefghij", 1))], count)
    count.assert_called_once_with(8, 10)
    assert [plan.rows for plan in manifest.shard_plans(Location.of(tmp_path))] == [2, 3, 3, 2]
    manifest.update(Location.of(tmp_path), SHARDS, listing, count)  # has nothing new
    count.assert_called_once()


def test_further_columns_are_part_of_the_version(tmp_path: Path) -> None:
    def queries(right: float) -> pa.Table:
        boxes = pa.array([[0, 0, right, 5], None], schema.QUERIES.field("box").type)
        return rows({"a": 1, "b": 2}).append_column("box", boxes)

    update(tmp_path, queries(4))
    assert update(tmp_path, queries(4)) == Changes(0, 0, 0)
    assert update(tmp_path, queries(3)) == Changes(new=0, changed=1, removed=0)
    assert manifest.read_all(Location.of(tmp_path), ["box"])["box"].to_pylist() == [[0, 0, 3, 5], None]


def test_a_large_plan_has_several_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_PART_ROWS", 10)
    monkeypatch.setattr(plan_comparison, "_BATCH", 4)
    listing = rows({f"{number:02d}": number for number in range(35)})
    manifest.update(Location.of(tmp_path), SHARDS, [listing.slice(0, 20), listing.slice(20)], manifest.shards_of(3))
    assert [part.name for part in shards.paths(Location.of(tmp_path))] == [f"part-0000{n}.parquet" for n in range(4)]
    assert [plan.rows for plan in manifest.shard_plans(Location.of(tmp_path))] == [3] * 11 + [2]
    assert manifest.read_all(Location.of(tmp_path), ["id"])["id"].to_pylist() == listing["id"].to_pylist()


@settings(max_examples=12)
@given(
    st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3), min_size=1), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_every_image_ever_listed_is_planned_once(
    tmp_path_factory: pytest.TempPathFactory, listings: list[dict[str, int]], rows_per_shard: int
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    latest: dict[str, int] = {}
    for sizes in listings:
        changes = update(folder, rows({**sizes}), rows_per_shard)
        assert changes == Changes(
            new=len(sizes.keys() - latest.keys()),
            changed=sum(latest.get(name, size) != size for name, size in sizes.items()),
            removed=len(latest.keys() - sizes.keys()),
        )
        latest |= sizes
    found = manifest.read_all(Location.of(folder), ["id", "size"]).to_pylist()
    assert len(found) == len(latest)
    assert {row["id"]: row["size"] for row in found} == latest


def collection(
    folder: str, names: str, size: int | None = 1, mtime: datetime.datetime | None = NOON, etag: str | None = None
) -> pa.Table:
    """A listing of images in a folder."""
    listed = [{"id": name, "uri": f"{folder}/{name}", "size": size, "etag": etag, "mtime": mtime} for name in names]
    return pa.Table.from_pylist(listed, schema=schema.COLLECTION)


def committed_run(folder: Path, listing: pa.Table, unread: str = "") -> tuple[Location, Location]:
    """The plan and the committed shards of a listing, in which some images could not be read."""
    plan, committed = Location.of(folder / "plan"), Location.of(folder / "shards")
    manifest.update(plan, committed, [listing], manifest.shards_of(2))
    for shard in manifest.shard_plans(plan):
        rows = manifest.read(plan, shard).select(["id", "uri"])
        stages = pa.array(["fetch" if name in unread else None for name in rows["id"].to_pylist()], pa.string())
        shards.write(committed, rows.append_column("error_stage", stages), shard.shard, shard.generation)
    return plan, committed


def uris(folder: Location) -> dict[str, str]:
    found = pa.concat_tables(shards.read(shard, ["id", "uri"]) for shard in shards.paths(folder))
    return dict(zip(found["id"].to_pylist(), found["uri"].to_pylist(), strict=True))


def again(
    plan: Location, committed: Location, listing: pa.Table, config: CollectionConfig = CollectionConfig()
) -> Changes:
    return manifest.update(plan, committed, [listing], manifest.shards_of(2), config)


@pytest.mark.parametrize("same", [{"mtime": NOON}, {"etag": "e", "mtime": None}])
def test_moved_images_get_their_new_uri_in_plan_and_rows(tmp_path: Path, same: dict[str, Any]) -> None:
    plan, committed = committed_run(tmp_path, collection("/old", "abc", **same))
    first = shards.paths(committed)[0]
    before = shards.generation(first)
    assert again(plan, committed, collection("s3://new/photos", "abc", **same)) == Changes(0, 0, 0, moved=3)
    expected = {name: f"s3://new/photos/{name}" for name in "abc"}
    assert (uris(plan), uris(committed)) == (expected, expected)
    assert manifest.pending(manifest.shard_plans(plan), committed) == []
    assert shards.generation(first) == before
    assert again(plan, committed, collection("s3://new/photos", "abc", **same)) == Changes(0, 0, 0)


def test_a_move_that_was_interrupted_is_finished(tmp_path: Path) -> None:
    plan, committed = committed_run(tmp_path, collection("/old", "abc"))
    (part,) = shards.paths(plan)
    content = part.read_bytes()
    again(plan, committed, collection("/new", "abc"))
    part.write_bytes(content)  # the rows were written, the plan was not
    assert again(plan, committed, collection("/new", "abc")) == Changes(0, 0, 0, moved=3)
    assert set(uris(plan).values()) == {"/new/a", "/new/b", "/new/c"}


def test_images_elsewhere_of_which_only_the_size_is_known_are_refused_unless_they_are_said_to_be_the_same(
    tmp_path: Path,
) -> None:
    plan, committed = committed_run(tmp_path, collection("/old", "abc"))
    copies = collection("/new", "abc", mtime=None)
    with pytest.raises(ConfigError, match=r"images in /new/ are not those of the run, for example 'a'"):
        again(plan, committed, copies)
    assert set(uris(plan).values()) == {"/old/a", "/old/b", "/old/c"}
    assert again(plan, committed, copies, CollectionConfig(trust_size=True)) == Changes(0, 0, 0, moved=3)
    larger = collection("/newer", "abc", size=2, mtime=None)
    assert again(plan, committed, larger, CollectionConfig(moved=True, trust_size=True)) == Changes(0, 3, 0)


def test_a_few_changed_images_do_not_make_another_collection(tmp_path: Path) -> None:
    plan, committed = committed_run(tmp_path, collection("/old", "abc"))
    listing = pa.concat_tables([collection("/new", "ab"), collection("/new", "c", size=2)])
    assert again(plan, committed, listing) == Changes(0, 1, 0, moved=2)


def test_a_folder_without_any_planned_path_is_another_collection(tmp_path: Path) -> None:
    plan, committed = committed_run(tmp_path, collection("/old", "abc"))
    with pytest.raises(ConfigError, match=r"images in /new/ are not those of the run, for example 'd'"):
        again(plan, committed, collection("/new", "de"))
    assert again(plan, committed, collection("/old", "de")) == Changes(2, 0, 3)


def test_a_corrected_uri_of_a_list_is_a_change(tmp_path: Path) -> None:
    plan, committed = committed_run(tmp_path, images({"one": "/wrong.jpg"}))
    assert again(plan, committed, images({"one": "/right.jpg"})) == Changes(0, 1, 0)
    assert uris(plan) == {"one": "/right.jpg"}


def test_what_is_learned_of_a_version_is_kept_and_later_changes_are_seen(tmp_path: Path) -> None:
    unknown = collection("/photos", "ab", size=None, mtime=None)
    plan, committed = committed_run(tmp_path, unknown, unread="b")
    assert again(plan, committed, collection("/photos", "ab")) == Changes(0, 1, 0)  # b is there now
    assert {name: generation for name, (_, generation) in planned(Path(plan)).items()} == {"a": 0, "b": 1}
    assert again(plan, committed, unknown) == Changes(0, 0, 0)
    assert again(plan, committed, collection("/photos", "ab", size=2)) == Changes(0, 2, 0)


def test_an_image_that_could_not_be_read_is_tried_again_at_its_new_place(tmp_path: Path) -> None:
    plan, committed = committed_run(tmp_path, collection("/old", "ab"), unread="b")
    assert again(plan, committed, collection("/new", "ab")) == Changes(0, 1, 0, moved=1)


def test_unplanned_and_damaged_shards_are_known(tmp_path: Path) -> None:
    plan, committed = committed_run(tmp_path, collection("/photos", "abc"))
    first = committed / planned(Path(plan))["a"][0]
    (committed / "part-stray.parquet").write_bytes(b"")
    assert manifest.unplanned(manifest.shard_plans(plan), committed) == [committed / "part-stray.parquet"]
    with pytest.raises(StorageError, match=r"^1 shards in .*/shards are not in .*/plan, first part-stray.parquet: "):
        manifest.check_committed(plan, committed)
    manifest.replan(plan, ["a"])
    first.write_bytes(b"damaged")
    assert [found.shard for found in manifest.pending(manifest.shard_plans(plan), committed)] == [first.name]


def test_a_uri_that_was_stored_with_credentials_is_the_same_place(tmp_path: Path) -> None:
    update(tmp_path, images({"a": "https://me:secret@host/a.jpg?size=2&X-Amz-Signature=0f"}))
    assert update(tmp_path, images({"a": "https://host/a.jpg?size=2"})) == Changes(0, 0, 0)


def test_removed_images_are_left_out_until_they_are_restored(tmp_path: Path) -> None:
    folder, removed = Location.of(tmp_path / "manifest"), Location.of(tmp_path / "removed")

    def listed(names: str, *, restore: bool = False) -> Changes:
        listing, options = rows(dict.fromkeys(names, 1)), CollectionConfig(restore_removed=restore)
        return manifest.update(folder, SHARDS, [listing], manifest.shards_of(2), options, removed)

    removed_images.remember(removed, pa.chunked_array([["b", "c", "z"]]))
    assert listed("abcd") == Changes(new=2, changed=0, removed=0, pruned=2)
    assert manifest.read_all(folder, ["id"])["id"].to_pylist() == ["a", "d"]
    assert listed("bc") == Changes(new=0, changed=0, removed=2, pruned=2)
    assert listed("abd", restore=True) == Changes(new=1, changed=0, removed=0, pruned=1)
    assert listed("abcd") == Changes(new=0, changed=0, removed=0, pruned=1)
    assert sorted(manifest.read_all(folder, ["id"])["id"].to_pylist()) == ["a", "b", "d"]
    options = CollectionConfig(restore_removed=True)
    restored = manifest.update(folder, SHARDS, [titled({"c": "C"})], manifest.shards_of(2), options, removed)
    assert (restored.new, own(folder)["c"]) == (1, {"title": "C"})


def test_a_restored_image_stays_planned_if_the_restoring_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, removed = Location.of(tmp_path / "manifest"), Location.of(tmp_path / "removed")
    removed_images.remember(removed, pa.chunked_array([["b"]]))
    monkeypatch.setattr(removed_images, "forget", lambda *_: None)
    listing, options = rows({"a": 1, "b": 1}), CollectionConfig(restore_removed=True)
    manifest.update(folder, SHARDS, [listing], manifest.shards_of(2), options, removed)
    assert manifest.update(folder, SHARDS, [listing], manifest.shards_of(2), removed=removed) == Changes(0, 0, 0)


def own(folder: Location) -> dict[str, dict[str, Any]]:
    """The user's own columns that the plan has of each image."""
    read = [row for part in shards.paths(folder) for row in shards.read(part).to_pylist()]
    planned = schema.manifest(schema.COLLECTION).names
    return {row["id"]: {name: value for name, value in row.items() if name not in planned} for row in read}


def titled(titles: dict[str, str | None], folder: str = "/photos", size: int = 1) -> pa.Table:
    column = pa.array(titles.values(), pa.string())
    return collection(folder, "".join(titles), size).append_column("title", column)


def test_other_columns_update_the_plan_and_rewrite_no_shard(tmp_path: Path) -> None:
    plan, committed = committed_run(tmp_path, titled({"a": "A", "b": "B", "c": None}))
    again(plan, committed, titled({"d": "D"}))  # in a second part
    files = [Path(file) for file in (*shards.paths(committed), *shards.paths(plan))]
    before = [file.stat().st_mtime_ns for file in files]
    assert again(plan, committed, titled({"a": "A", "b": "B", "c": None, "d": "D"})) == Changes(0, 0, 0)
    assert [file.stat().st_mtime_ns for file in files] == before
    later = titled({"a": "A2", "b": None, "c": "C", "d": "D"})
    assert again(plan, committed, later) == Changes(0, 0, 0, relabelled=3)
    assert [file.stat().st_mtime_ns == time for file, time in zip(files, before, strict=True)] == [
        *[True] * (len(files) - 2),
        False,
        True,
    ]
    titles = {"a": "A2", "b": None, "c": "C", "d": "D"}
    assert own(plan) == {name: {"title": title} for name, title in titles.items()}
    assert set(planned(Path(plan)).values()) == {(shard, 0) for shard, _ in planned(Path(plan)).values()}
    (new,) = manifest.pending(manifest.shard_plans(plan), committed)
    assert (new.shard, new.rows) == (planned(Path(plan))["d"][0], 1)
    assert again(plan, committed, later) == Changes(0, 0, 0)


def test_images_that_moved_or_changed_get_their_columns_too(tmp_path: Path) -> None:
    plan, committed = committed_run(tmp_path, titled({"a": "A", "b": "B", "c": "C"}))
    listed = pa.concat_tables([titled({"a": "A2"}, "/new"), titled({"b": "B2"}, size=2), titled({"c": "C"})])
    assert again(plan, committed, listed) == Changes(0, 1, 0, moved=1, relabelled=2)
    assert own(plan) == {name: {"title": title} for name, title in {"a": "A2", "b": "B2", "c": "C"}.items()}
    assert uris(plan)["a"] == uris(committed)["a"] == "/new/a"
    assert {name: generation for name, (_, generation) in planned(Path(plan)).items()} == {"a": 0, "b": 1, "c": 0}
    assert again(plan, committed, listed) == Changes(0, 0, 0)


def test_a_listing_without_columns_leaves_them_and_one_with_others_replaces_those_of_its_images(tmp_path: Path) -> None:
    plan, committed = committed_run(tmp_path, titled({"a": "A", "b": "B"}))
    assert again(plan, committed, collection("/photos", "abc")) == Changes(1, 0, 0)
    assert own(plan) == {"a": {"title": "A"}, "b": {"title": "B"}, "c": {}}
    licensed = collection("/photos", "bc").append_column("licence", pa.array(["CC0", "CC0"]))
    assert again(plan, committed, licensed) == Changes(0, 0, 1, relabelled=2)
    assert own(plan) == {
        "a": {"licence": None, "title": "A"},
        "b": {"licence": "CC0", "title": None},
        "c": {"licence": "CC0"},
    }
    empty = titled({"a": None, "b": None, "c": None})
    assert again(plan, committed, empty) == Changes(0, 0, 0, relabelled=3)
    assert own(plan) == {"a": {}, "b": {}, "c": {}}
    assert again(plan, committed, empty) == Changes(0, 0, 0)


def test_a_column_of_another_type_is_replaced_where_all_images_are_listed_and_is_text_elsewhere(tmp_path: Path) -> None:
    def dated(years: dict[str, object]) -> pa.Table:
        return collection("/photos", "".join(years)).append_column("year", pa.array(years.values()))

    plan, committed = committed_run(tmp_path, dated({"a": "1", "b": "2"}))
    assert again(plan, committed, dated({"a": 1, "b": 2})) == Changes(0, 0, 0, relabelled=2)
    assert own(plan) == {"a": {"year": 1}, "b": {"year": 2}}
    assert again(plan, committed, dated({"a": 0.5})) == Changes(0, 0, 1, relabelled=1)
    assert own(plan) == {"a": {"year": "0.5"}, "b": {"year": "2"}}
    assert again(plan, committed, dated({"a": 0.5})) == Changes(0, 0, 1)
    assert again(plan, committed, dated({"b": 2})) == Changes(0, 0, 1)


@settings(max_examples=5)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abcd"),
            st.dictionaries(st.sampled_from(["title", "part", 'a "b"']), st.text(max_size=3)),
            min_size=1,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_every_image_has_the_columns_of_the_list_that_named_it_last(
    tmp_path_factory: pytest.TempPathFactory, listings: list[dict[str, dict[str, str]]]
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    latest: dict[str, dict[str, str]] = {}
    for listed in listings:
        table = collection("/photos", "".join(listed))
        names = sorted({name for values in listed.values() for name in values})
        for name in names:
            table = table.append_column(name, pa.array([values.get(name) for values in listed.values()], pa.string()))
        update(folder, table)
        latest |= listed if names else {name: {} for name in listed.keys() - latest.keys()}
    found = own(Location.of(folder))
    assert {
        image: {name: value for name, value in values.items() if value is not None} for image, values in found.items()
    } == latest
