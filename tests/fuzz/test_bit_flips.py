"""Single wrong bits in the files of a run: each is reported by the checks of `osrmac verify`, or changes no value.

`OSRMAC_FLIPS` is their number.
"""

import os
from collections import Counter
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from osrmac.commands.evaluate import evaluate
from osrmac.commands.fit import fit
from osrmac.commands.report import report
from osrmac.commands.sweep import sweep
from osrmac.commands.verify import verify
from osrmac.config import ComputeConfig, EvaluationConfig, ReductionConfig, SweepConfig
from osrmac.errors import DamagedFileError
from osrmac.runs.integrity import check_file, check_shard
from osrmac.storage import manifest
from osrmac.storage.location import Location
from osrmac.storage.run import Run

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]

FLIPS = int(os.environ.get("OSRMAC_FLIPS", "2000"))


@pytest.fixture
def complete(run: Run, oxford: str, one_worker: ComputeConfig) -> Run:
    """A run that has every kind of file."""
    fit(run.url, ReductionConfig(features=(32,), whitening=(8,), retained_variance=0.8))
    evaluation = EvaluationConfig(benchmark="oxford5k", ground_truth=oxford)
    evaluate(run.url, evaluation, one_worker)
    sweep(run.url, evaluation, SweepConfig(sizes=(16,), seeds=1), one_worker)
    report(run.url)
    return run


def values(name: str, content: bytes) -> object:
    """What a reader gets from the content of a file."""
    if name.endswith(".parquet"):
        return pq.read_table(pa.BufferReader(content))
    if name.endswith(".json"):
        return None  # `read_json` compares the values
    return content.partition(b"<!-- ")[0]


def is_reported(run: Run, file: Path, plans: dict[str, manifest.ShardPlan]) -> bool:
    if file.name == "run.json":
        try:
            run.record()
        except DamagedFileError:
            return True
        return False
    if file.parent.name == "descriptors":
        return bool(check_shard(run, run.identity(), plans[file.name]))
    return check_file(Location.of(file)) is not None


def test_every_flipped_bit_is_reported_or_harmless(complete: Run) -> None:
    assert list(verify(complete.url)) == []
    folder = Path(complete.location)
    plans = {plan.shard: plan for plan in manifest.shard_plans(complete.manifest)}
    files = sorted(file for file in folder.rglob("*.*") if file.is_file())
    kinds = {f"{file.relative_to(folder).parts[0]} {file.suffix}" for file in files}
    assert len(kinds) >= 10
    random, outcomes = Random(0), Counter[str]()
    for _ in range(FLIPS):
        kind = random.choice(sorted(kinds))
        file = random.choice([f for f in files if f"{f.relative_to(folder).parts[0]} {f.suffix}" == kind])
        content = file.read_bytes()
        position = random.randrange(len(content))
        changed = bytearray(content)
        changed[position] ^= 1 << random.randrange(8)
        before = None if file.suffix != ".json" else Location.of(file).read_json()
        file.write_bytes(changed)
        if is_reported(complete, file, plans):
            outcomes["reported"] += 1
        else:
            outcomes["harmless"] += 1
            assert values(file.name, bytes(changed)) == values(file.name, content), f"{file}, byte {position}"
            assert before is None or Location.of(file).read_json() == before, f"{file}, byte {position}"
        file.write_bytes(content)
    print(f"\n{FLIPS} flips in {len(files)} files of {len(kinds)} kinds: {dict(outcomes)}")
    assert outcomes["reported"] > 0.9 * FLIPS
