from osrmac.distributed.work_tracker import WorkTracker


def test_counts_are_those_of_committed_shards_and_of_the_work_in_hand() -> None:
    tracker = WorkTracker()
    assert tracker.begin("a") == (1, {})
    tracker.progress("a", 3, 1)
    assert tracker.read() == (3, 1)
    tracker.finish("a", 8, 2)
    assert tracker.begin("b") == (1, {})
    tracker.progress("b", 1, 0)
    assert tracker.read() == (9, 2)


def test_a_shard_that_is_taken_over_begins_anew() -> None:
    tracker = WorkTracker()
    tracker.begin("a")
    tracker.progress("a", 3, 1)
    assert tracker.begin("a") == (2, {})
    assert tracker.read() == (0, 0)


def test_an_image_is_blamed_when_it_alone_was_in_hand() -> None:
    tracker = WorkTracker()
    tracker.begin("a")
    assert tracker.begin("a") == (2, {})
    tracker.hold("a", "first.jpg")
    tracker.hold("a", "second.jpg")
    assert tracker.begin("a") == (3, {"second.jpg": 1})
    tracker.hold("a", "second.jpg")
    assert tracker.begin("a") == (4, {"second.jpg": 2})
    # It died again, but not of an image.
    assert tracker.begin("a") == (5, {"second.jpg": 2})


def test_a_committed_shard_is_forgotten() -> None:
    tracker = WorkTracker()
    tracker.begin("a")
    tracker.hold("a", "first.jpg")
    tracker.finish("a", 1, 0)
    assert tracker.begin("a") == (1, {})
