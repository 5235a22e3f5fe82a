"""Many processes race to take over the lock of a dead one."""

from pathlib import Path

from tests.lock_race import race

ROUNDS = 1000


def test_exactly_one_of_ten_processes_takes_over_a_stale_lock(tmp_path: Path) -> None:
    holders = race(str(tmp_path), processes=10, rounds=ROUNDS)
    print(f"rounds by number of holders: {dict(holders)}")
    assert holders == {1: ROUNDS}
