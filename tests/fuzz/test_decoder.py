"""Thousands of damaged images: each a picture or a reason, with no process lost, little memory and a silent log.

`OSRMAC_MUTANTS` says how many. To look at one: `decode(mutant(number), max_pixels=MAX_PIXELS)`.
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
"""Bytes by which a process may grow; a picture of the most pixels takes 4 million, and some copies are made."""


def run(batches: list[range], folder: Path, work: Callable[..., None] = work) -> list[Findings]:
    """What each batch gave, in a process of its own; fails, with the mutant's number, where one died or hung."""
    spawn = multiprocessing.get_context("spawn")
    started = []
    for place, batch in enumerate(batches):
        receiver, sender = spawn.Pipe(duplex=False)
        current, log = spawn.Value("q", -1), folder / f"{place}.log"
        process = spawn.Process(target=work, args=(batch, current, str(log), sender), daemon=True)
        process.start()
        sender.close()
        started.append((process, current, log, receiver))
    found = []
    for process, current, log, receiver in started:
        try:
            found.append(receiver.recv())
        except EOFError:
            process.join()
            pytest.fail(f"mutant {current.value} ended its process: {process.exitcode}\n{log.read_text()[-4000:]}")
        process.join()
        said = log.read_text(errors="replace")  # libtiff prints a line of what it refuses, and no Python can stop it
        assert "Warning" not in said
        assert "Traceback" not in said
    return found


def test_a_number_gives_one_mutant() -> None:
    assert [mutant(number) for number in range(50)] == [mutant(number) for number in range(50)]
    assert len({mutant(number) for number in range(50)}) == 50


def die(numbers: range, current: "Synchronized[int]", log: str, results: Connection) -> None:
    Path(log).write_text("last words")
    current.value = numbers[3]
    os.abort()


def test_a_process_that_dies_names_the_mutant(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"^mutant 13 ended its process: -6\nlast words$"):
        run([range(10, 20)], tmp_path, die)


def test_every_mutant_gives_a_picture_or_a_reason(tmp_path: Path) -> None:
    begun = time.monotonic()

    found = run([range(place, MUTANTS, WORKERS) for place in range(WORKERS)], tmp_path)

    outcomes = sum((findings.outcomes for findings in found), Counter[str]())
    memory = max(findings.memory for findings in found)
    slowest = max(findings.slowest for findings in found)
    print(f"\n{MUTANTS} mutants in {time.monotonic() - begun:.0f} s, {memory / 2**20:.0f} MiB at most")
    print(f"slowest: mutant {slowest[1]}, {slowest[0]:.3f} s")
    print(*(f"{count:8} {kind}" for kind, count in outcomes.most_common()), sep="\n")
    assert [remark for findings in found for remark in findings.wrong] == []
    assert sum(outcomes.values()) == MUTANTS
    assert 0.05 < outcomes["decoded"] / MUTANTS < 0.95  # neither harmless nor hopeless
    assert memory < MEMORY
