from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osrmac.runs.index.source import IndexSource, ReducedShard
from osrmac.runs.index.stored import IndexedShard, IndexPart, StoredIndex
from osrmac.runs.index.update import Update, plan_update, rebuild_reason
from osrmac.storage.location import Location


def present(*shards: tuple[str, int, int]) -> list[ReducedShard]:
    return [ReducedShard(*shard) for shard in shards]


def written(update: Update) -> list[IndexPart]:
    """The parts of an index after an update."""
    made = [IndexPart("+".join(f"{s.shard}{s.generation}" for s in group), "", group) for group in update.groups]
    return [*update.kept, *made]


def test_a_new_index_has_parts_of_whole_shards() -> None:
    shards = present(("a", 0, 6), ("b", 0, 3), ("c", 1, 2), ("d", 0, 25), ("e", 0, 0))
    update = plan_update((), shards, part_rows=10)
    numbers = [[(shard.number, shard.shard) for shard in group] for group in update.groups]
    assert numbers == [[(0, "a"), (1, "b")], [(2, "c")], [(3, "d")], [(4, "e")]]
    assert (update.kept, update.added) == ((), 5)
    assert plan_update(written(update), shards, part_rows=10) == Update(tuple(written(update)), (), 0)


def test_new_and_changed_shards_get_numbers_of_their_own_and_other_parts_stay() -> None:
    shards = present(*((name, 0, 10) for name in "abcdefghij"))
    parts = written(plan_update((), shards, part_rows=100))
    changed = [replace(shards[0], generation=1, rows=9), *shards[1:], ReducedShard("z", 0, 5)]
    update = plan_update(parts, changed, part_rows=100)
    assert list(update.kept) == parts
    assert update.groups == ((IndexedShard(10, "a", 1, 9), IndexedShard(11, "z", 0, 5)),)
    assert update.added == 2


def test_a_part_of_which_more_than_a_fifth_is_dead_is_made_again() -> None:
    shards = present(*((name, 0, 10) for name in "abcdefghij"))
    parts = written(plan_update((), shards, part_rows=50))
    gone = [shard for shard in shards if shard.shard not in "ab"]
    update = plan_update(parts, gone, part_rows=50)
    assert list(update.kept) == parts[1:]
    assert update.groups == (parts[0].shards[2:],)
    assert update.added == 0
    assert list(plan_update(parts, gone[:-1], part_rows=50).kept) == parts[1:]  # one of five is gone


def test_a_part_whose_shards_are_all_gone_is_dropped() -> None:
    parts = written(plan_update((), present(("a", 0, 0), ("b", 0, 9)), part_rows=5))
    assert plan_update(parts, present(("b", 0, 9)), part_rows=5) == Update(tuple(parts[1:]), (), 0)


def test_many_small_parts_are_made_again_as_few() -> None:
    shards = present(*((f"{number:03d}", 0, 10) for number in range(70)))
    parts = written(plan_update((), [ReducedShard("full", 0, 100)], part_rows=100))
    for number in range(64):
        parts = written(plan_update(parts, [ReducedShard("full", 0, 100), *shards[: number + 1]], part_rows=100))
    assert len(parts) == 65
    parts = written(plan_update(parts, [ReducedShard("full", 0, 100), *shards[:65]], part_rows=100))
    update = plan_update(parts, [ReducedShard("full", 0, 100), *shards[:66]], part_rows=100)
    assert [part.file for part in update.kept] == ["full0"]
    assert [len(group) for group in update.groups] == [10, 10, 10, 10, 10, 10, 6]
    assert [shard.number for group in update.groups for shard in group] == list(range(1, 67))
    assert update.added == 1


@settings(max_examples=40)
@given(
    states=st.lists(
        st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.integers(0, 2), st.integers(0, 9))), max_size=6
    )
)
def test_after_each_update_every_shard_is_in_exactly_one_part(states: list[dict[str, tuple[int, int]]]) -> None:
    parts: list[IndexPart] = []
    for state in states:
        # A generation has the same rows each time.
        shards = present(*((name, generation, ord(name) % 5 + generation) for name, (generation, _) in state.items()))
        parts = written(plan_update(parts, shards, part_rows=10))
        covered = [shard for part in parts for shard in part.shards]
        assert len({shard.number for shard in covered}) == len(covered)
        listed = [(shard.shard, shard.generation, shard.rows) for shard in covered]
        for shard in shards:
            assert listed.count((shard.shard, shard.generation, shard.rows)) == 1
        alive = sum(shard.rows for shard in shards)
        assert sum(shard.rows for shard in covered) <= 1.25 * alive


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"trained_for": 25}, None),
        ({"trained_for": 24}, "it was trained for 24 images, and there are 100"),
        ({"reduction": "earlier"}, "its reduction was fitted again"),
        ({"space": "cosine"}, "it is for distances cosine, not l1 and l2"),
        ({"quantizer": "lost"}, "its file lost is missing"),
    ],
)
def test_an_index_that_does_not_fit_any_more_is_built_again(
    change: dict[str, Any], reason: str | None, tmp_path: Path
) -> None:
    source = IndexSource(Location.of(tmp_path), 8, "r1", "l2", (ReducedShard("a", 0, 60), ReducedShard("b", 0, 40)))
    index = StoredIndex(
        reduction="r1",
        space="l2",
        factory="IVF1,Flat",
        quantizer="quantizer",
        quantizer_digest="q1",
        trained_on=50,
        trained_for=50,
    )
    assert rebuild_reason(replace(index, **change), source, {"quantizer"}) == reason
