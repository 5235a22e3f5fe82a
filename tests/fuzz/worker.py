"""A process that decodes mutants with limited memory and time, and reports the outcomes."""

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
"""Bytes of address space of a worker, in addition to what it uses at its start."""

TIMEOUT = 60
"""Seconds for one image; the slowest takes less than one."""


@dataclass
class Findings:
    """Outcomes of a batch of mutants.

    Attributes:
        outcomes: Number of mutants by outcome: `decoded`, or `failed` with the reason.
        errors: Outcomes that are not allowed, with the number of the mutant.
        memory: Bytes by which the process grew at its peak.
        slowest: Seconds and number of the slowest mutant.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    memory: int = 0
    slowest: tuple[float, int] = (0.0, -1)


def work(numbers: range, current: "Synchronized[int]", log: str, results: Connection) -> None:
    """Decode every mutant twice; `current` is the number of the mutant being decoded, in case the process dies."""
    with Path(log).open("wb") as file:
        os.dup2(file.fileno(), 2)
        faulthandler.enable()
        warnings.simplefilter("always")
        seeds()
        started = _memory("VmRSS")
        limit = _memory("VmSize") + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        findings = Findings()
        for number in numbers:
            current.value = number
            faulthandler.dump_traceback_later(TIMEOUT, exit=True)
            _examine(number, findings)
        faulthandler.cancel_dump_traceback_later()
        findings.memory = _memory("VmHWM") - started
        results.send(findings)


def _examine(number: int, findings: Findings) -> None:
    data = mutant(number)
    started = time.perf_counter()
    first = _outcome(data)
    findings.slowest = max(findings.slowest, (time.perf_counter() - started, number))
    if first != _outcome(data):
        findings.errors.append(f"mutant {number} has two different outcomes")
    kind, text = first
    if kind == "decoded":
        findings.outcomes[kind] += 1
    elif kind == "failed" and len(text.splitlines()) == 1 and text.strip():
        findings.outcomes["failed: " + re.sub(r"\d+x\d+", "WxH", text.partition(":")[0])] += 1
    else:
        findings.errors.append(f"mutant {number}: {kind}: {text!r}")


def _outcome(data: bytes) -> tuple[str, str]:
    try:
        image, _ = decode(data, max_pixels=MAX_PIXELS)
    except DecodeError as error:
        return "failed", str(error)
    except Exception as error:
        return "raised", repr(error)
    is_valid = image.mode == "RGB" and 0 < image.width * image.height <= MAX_PIXELS
    return "decoded" if is_valid else "invalid", hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()


def _memory(kind: str) -> int:
    """Memory of this process in bytes, from /proc."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:"))
