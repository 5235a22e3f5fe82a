import ray

from osrmac.distributed.work_tracker import WorkTracker, start_work_tracker


def test_counts_include_committed_shards_and_shards_in_work() -> None:
    tracker = WorkTracker()
    assert tracker.start("a") == (1, {})
    tracker.update("a", 3, 1)
    assert tracker.counts() == (3, 1)
    tracker.finish("a", 8, 2)
    assert tracker.start("b") == (1, {})
    tracker.update("b", 1, 0)
    assert tracker.counts() == (9, 2)


def test_a_shard_that_is_started_again_is_counted_from_zero() -> None:
    tracker = WorkTracker()
    tracker.start("a")
    tracker.update("a", 3, 1)
    assert tracker.start("a") == (2, {})
    assert tracker.counts() == (0, 0)


def test_a_death_is_charged_to_the_image_that_was_isolated() -> None:
    tracker = WorkTracker()
    tracker.start("a")
    assert tracker.start("a") == (2, {})
    tracker.isolate("a", "first.jpg")
    tracker.isolate("a", "second.jpg")
    assert tracker.start("a") == (3, {"second.jpg": 1})
    tracker.isolate("a", "second.jpg")
    assert tracker.start("a") == (4, {"second.jpg": 2})


def test_a_death_without_an_isolated_image_is_charged_to_none() -> None:
    tracker = WorkTracker()
    tracker.start("a")
    tracker.isolate("a", "first.jpg")
    tracker.start("a")
    assert tracker.start("a") == (3, {"first.jpg": 1})


def test_a_committed_shard_is_forgotten() -> None:
    tracker = WorkTracker()
    tracker.start("a")
    tracker.isolate("a", "first.jpg")
    tracker.finish("a", 1, 0)
    assert tracker.start("a") == (1, {})


def test_the_actor_answers() -> None:
    tracker = start_work_tracker()
    assert ray.get(tracker.start.remote("a")) == (1, {})
    assert ray.get(tracker.counts.remote()) == (0, 0)
