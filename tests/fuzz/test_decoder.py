"""Decoding of many damaged files by one process: an image or a reason each, without crashes, hangs or log lines, in
bounded memory, and without a process that it starts.

`OSRMAC_MUTANTS` is their number. To reproduce one: `decode(mutant(number), max_pixels=MAX_PIXELS)`.
"""

import io
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from osrmac.descriptor.decoding.formats import available_formats
from tests.fuzz.headers import tamper
from tests.fuzz.mutants import mutant, seeds
from tests.fuzz.worker import Findings, work

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]

MUTANTS = int(os.environ.get("OSRMAC_MUTANTS", "100000"))
MEMORY = 3_000_000_000
"""Resident memory of the process at most, in bytes."""


def run(numbers: range, folder: Path, work: Callable[..., None] = work) -> Findings:
    """Decode mutants in a process of their own; fail with the number of the mutant if it dies or hangs."""
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    current, log = spawn.Value("q", -1), folder / "log"
    process = spawn.Process(target=work, args=(numbers, current, str(log), sender), daemon=True)
    process.start()
    sender.close()
    try:
        findings: Findings = receiver.recv()
    except EOFError:
        process.join()
        pytest.fail(f"mutant {current.value} ended its process: {process.exitcode}\n{log.read_text()[-4000:]}")
    process.join()
    lines = log.read_text(errors="replace")  # libtiff prints its errors, which cannot be prevented from Python
    assert "Warning" not in lines
    assert "Traceback" not in lines
    return findings


def test_every_accepted_format_has_seeds_with_numbers_to_change() -> None:
    formats = set()
    for number, seed in enumerate(seeds()):
        with Image.open(io.BytesIO(seed)) as image:
            formats.add(image.format)
        changed = bytearray(seed)
        tamper(changed, Random(number))
        assert changed != seed

    assert formats >= set(available_formats())


def test_mutants_are_reproducible_and_distinct() -> None:
    assert [mutant(number) for number in range(50)] == [mutant(number) for number in range(50)]
    assert len({mutant(number) for number in range(50)}) == 50


def die(numbers: range, current: "Synchronized[int]", log: str, results: Connection) -> None:
    Path(log).write_text("last words")
    current.value = numbers[3]
    os.abort()


def test_a_crash_is_reported_with_the_number_of_the_mutant(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"^mutant 13 ended its process: -6\nlast words$"):
        run(range(10, 20), tmp_path, die)


def test_every_mutant_gives_an_image_or_a_reason(tmp_path: Path) -> None:
    started = time.monotonic()

    findings = run(range(MUTANTS), tmp_path)

    print(f"\n{MUTANTS} mutants in {time.monotonic() - started:.0f} s, {findings.memory / 1e9:.2f} GB at most")
    print("slowest: mutant {1}, {0:.1f} s".format(*findings.slowest))
    print(*(f"{count:8} {kind}" for kind, count in findings.outcomes.most_common()), sep="\n")
    assert findings.errors == []
    assert sum(findings.outcomes.values()) == MUTANTS
    assert 0.05 < findings.outcomes["decoded"] / MUTANTS < 0.95  # the damage is neither negligible nor total
    assert findings.memory < MEMORY
