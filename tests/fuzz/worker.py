"""A process that decodes mutants with little memory and little patience, and says what came of them."""

import faulthandler
import hashlib
import os
import re
import resource
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from osrmac.descriptor.images import DecodeError, decode
from tests.fuzz.mutants import mutant, seeds

MAX_PIXELS = 1_000_000
ADDRESS_SPACE = 2 * 2**30
"""Bytes that a worker may map on top of what it needs for itself."""

PATIENCE = 60
"""Seconds for one image, where the slowest takes less than one."""


@dataclass
class Findings:
    """What came of a batch.

    Attributes:
        outcomes: Mutants by what came of them: `decoded`, or `failed` and why.
        wrong: What no mutant may do, with its number.
        memory: Bytes by which the process grew at its largest.
        slowest: Seconds and number of the slowest mutant.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: int = 0
    slowest: tuple[float, int] = (0.0, -1)


def work(numbers: range, current: "Synchronized[int]", log: str, results: Connection) -> None:
    """Decode every mutant twice; `current` names the one at work, should it be the last."""
    with Path(log).open("wb") as said:
        os.dup2(said.fileno(), 2)
        faulthandler.enable()
        warnings.simplefilter("always")
        seeds()
        started = _memory("VmRSS")
        most = _memory("VmSize") + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        findings = Findings()
        for number in numbers:
            current.value = number
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            _examine(number, findings)
        faulthandler.cancel_dump_traceback_later()
        findings.memory = _memory("VmHWM") - started
        results.send(findings)


def _examine(number: int, findings: Findings) -> None:
    data = mutant(number)
    begun = time.perf_counter()
    first = _outcome(data)
    findings.slowest = max(findings.slowest, (time.perf_counter() - begun, number))
    if first != _outcome(data):
        findings.wrong.append(f"mutant {number} gives one thing and then another")
    kind, text = first
    if kind == "decoded":
        findings.outcomes[kind] += 1
    elif kind == "failed" and len(text.splitlines()) == 1 and text.strip():
        findings.outcomes["failed: " + re.sub(r"\d+x\d+", "WxH", text.partition(":")[0])] += 1
    else:
        findings.wrong.append(f"mutant {number}: {kind}: {text!r}")


def _outcome(data: bytes) -> tuple[str, str]:
    try:
        image, _ = decode(data, max_pixels=MAX_PIXELS)
    except DecodeError as error:
        return "failed", str(error)
    except Exception as error:
        return "raised", repr(error)
    good = image.mode == "RGB" and 0 < image.width * image.height <= MAX_PIXELS
    return ("decoded" if good else "odd"), hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()


def _memory(kind: str) -> int:
    """Bytes, as Linux counts them for this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:"))
