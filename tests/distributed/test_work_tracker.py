from osrmac.distributed.work_tracker import Ledger


def test_counts_are_those_of_committed_shards_and_of_the_work_in_hand() -> None:
    ledger = Ledger()
    assert ledger.begin("a") == (1, {})
    ledger.progress("a", 3, 1)
    assert ledger.read() == (3, 1)
    ledger.finish("a", 8, 2)
    assert ledger.begin("b") == (1, {})
    ledger.progress("b", 1, 0)
    assert ledger.read() == (9, 2)


def test_a_shard_that_is_taken_over_begins_anew() -> None:
    ledger = Ledger()
    ledger.begin("a")
    ledger.progress("a", 3, 1)
    assert ledger.begin("a") == (2, {})
    assert ledger.read() == (0, 0)


def test_an_image_is_blamed_when_it_alone_was_in_hand() -> None:
    ledger = Ledger()
    ledger.begin("a")
    assert ledger.begin("a") == (2, {})
    ledger.hold("a", "first.jpg")
    ledger.hold("a", "second.jpg")
    assert ledger.begin("a") == (3, {"second.jpg": 1})
    ledger.hold("a", "second.jpg")
    assert ledger.begin("a") == (4, {"second.jpg": 2})
    # It died again, but not of an image.
    assert ledger.begin("a") == (5, {"second.jpg": 2})


def test_a_committed_shard_is_forgotten() -> None:
    ledger = Ledger()
    ledger.begin("a")
    ledger.hold("a", "first.jpg")
    ledger.finish("a", 1, 0)
    assert ledger.begin("a") == (1, {})
