"""A process that decodes mutants, as many as there are, and reports the outcomes."""

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

from osrmac.config import DescriptorConfig
from osrmac.descriptor.decoding.pixels import to_array
from osrmac.descriptor.images import DecodeError, decode
from tests.fuzz.mutants import mutant, seeds
from tests.processes import ProcessStartedError, no_process_started

MAX_PIXELS = DescriptorConfig().max_pixels
ADDRESS_SPACE = 8 * 2**30
"""Bytes of address space of a worker, so that a bomb does not end other processes."""

TIMEOUT = 60
"""Seconds for one image; the slowest take some, because they have a hundred megapixels."""

AGAIN = 0.1
"""Images that take fewer seconds are decoded twice, to compare the outcomes."""


@dataclass
class Findings:
    """Outcomes of a batch of mutants.

    Attributes:
        outcomes: Number of mutants by outcome: `decoded`, or `failed` with the reason.
        errors: Outcomes that are not allowed, with the number of the mutant.
        memory: Peak of the resident memory of the process in bytes.
        slowest: Seconds and number of the slowest mutant.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    memory: int = 0
    slowest: tuple[float, int] = (0.0, -1)


def work(numbers: range, current: "Synchronized[int]", log: str, results: Connection) -> None:
    """Decode every mutant; `current` is the number of the mutant being decoded, in case the process dies."""
    with Path(log).open("wb") as file:
        os.dup2(file.fileno(), 2)
        faulthandler.enable()
        warnings.simplefilter("always")
        seeds()
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        findings = Findings()
        for number in numbers:
            current.value = number
            faulthandler.dump_traceback_later(TIMEOUT, exit=True)
            try:
                with no_process_started():
                    _examine(number, findings)
            except ProcessStartedError as error:
                findings.errors.append(f"mutant {number} starts a process: {error}")
        faulthandler.cancel_dump_traceback_later()
        findings.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        results.send(findings)


def _examine(number: int, findings: Findings) -> None:
    data = mutant(number)
    started = time.perf_counter()
    first = _outcome(data)
    seconds = time.perf_counter() - started
    findings.slowest = max(findings.slowest, (seconds, number))
    if seconds < AGAIN and first != _outcome(data):
        findings.errors.append(f"mutant {number} has two different outcomes")
    kind, text = first
    if kind == "decoded":
        findings.outcomes[kind] += 1
    elif kind == "failed" and len(text.splitlines()) == 1 and text.strip():
        findings.outcomes["failed: " + re.sub(r"[\d.]+", "N", text.partition(":")[0])] += 1
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
    pixels = to_array(image)
    return "decoded" if is_valid else "invalid", hashlib.sha256(f"{image.size}".encode() + pixels.data).hexdigest()
