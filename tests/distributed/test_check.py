from pathlib import Path

from osrmac.distributed.check import check_shards
from osrmac.storage import manifest
from osrmac.storage.run import Run


def test_problems_come_in_the_order_of_the_shards_and_progress_counts_them(run: Run) -> None:
    plans = manifest.shard_plans(run.manifest)
    damaged = [plans[1].shard, plans[7].shard]
    for shard in damaged:
        Path(run.descriptors / shard).write_bytes(b"not a Parquet file")
    progress: list[tuple[int, int]] = []
    problems = list(check_shards(run, run.identity(), plans, lambda *counts: progress.append(counts)))
    assert [Path(problem.split()[0]).name for problem in problems] == damaged
    assert all("is damaged" in problem for problem in problems)
    assert progress == [(number, len(plans)) for number in range(1, len(plans) + 1)]


def test_a_sound_run_has_no_problems(finished: Run) -> None:
    plans = manifest.shard_plans(finished.manifest)
    assert list(check_shards(finished, finished.identity(), plans)) == []
