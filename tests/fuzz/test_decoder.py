"""Decoding of many damaged files: an image or a reason each, without crashes, hangs, log lines or much memory.

`OSRMAC_MUTANTS` is their number. To reproduce one: `decode(mutant(number), max_pixels=MAX_PIXELS)`.
"""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import pytest

from tests.fuzz.mutants import mutant
from tests.fuzz.worker import Findings, work

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]

MUTANTS = int(os.environ.get("OSRMAC_MUTANTS", "100000"))
WORKERS = 2
MEMORY = 256 * 2**20
"""Bytes by which a process may grow. The largest image takes 4 million, several times for its copies."""


def run(batches: list[range], folder: Path, work: Callable[..., None] = work) -> list[Findings]:
    """Decode each batch in a process of its own; fail with the number of the mutant if a process dies or hangs."""
    spawn = multiprocessing.get_context("spawn")
    started = []
    for place, batch in enumerate(batches):
        receiver, sender = spawn.Pipe(duplex=False)
        current, log = spawn.Value("q", -1), folder / f"{place}.log"
        process = spawn.Process(target=work, args=(batch, current, str(log), sender), daemon=True)
        process.start()
        sender.close()
        started.append((process, current, log, receiver))
    findings = []
    for process, current, log, receiver in started:
        try:
            findings.append(receiver.recv())
        except EOFError:
            process.join()
            pytest.fail(f"mutant {current.value} ended its process: {process.exitcode}\n{log.read_text()[-4000:]}")
        process.join()
        lines = log.read_text(errors="replace")  # libtiff prints its errors, which cannot be prevented from Python
        assert "Warning" not in lines
        assert "Traceback" not in lines
    return findings


def test_mutants_are_reproducible_and_distinct() -> None:
    assert [mutant(number) for number in range(50)] == [mutant(number) for number in range(50)]
    assert len({mutant(number) for number in range(50)}) == 50


def die(numbers: range, current: "Synchronized[int]", log: str, results: Connection) -> None:
    Path(log).write_text("last words")
    current.value = numbers[3]
    os.abort()


def test_a_crash_is_reported_with_the_number_of_the_mutant(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"^mutant 13 ended its process: -6\nlast words$"):
        run([range(10, 20)], tmp_path, die)


def test_every_mutant_gives_an_image_or_a_reason(tmp_path: Path) -> None:
    started = time.monotonic()

    batches = run([range(place, MUTANTS, WORKERS) for place in range(WORKERS)], tmp_path)

    outcomes = sum((findings.outcomes for findings in batches), Counter[str]())
    memory = max(findings.memory for findings in batches)
    slowest = max(findings.slowest for findings in batches)
    print(f"\n{MUTANTS} mutants in {time.monotonic() - started:.0f} s, {memory / 2**20:.0f} MiB at most")
    print(f"slowest: mutant {slowest[1]}, {slowest[0]:.3f} s")
    print(*(f"{count:8} {kind}" for kind, count in outcomes.most_common()), sep="\n")
    assert [error for findings in batches for error in findings.errors] == []
    assert sum(outcomes.values()) == MUTANTS
    assert 0.05 < outcomes["decoded"] / MUTANTS < 0.95  # the damage is neither negligible nor total
    assert memory < MEMORY
