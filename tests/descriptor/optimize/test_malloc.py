"""Freed memory, by the page faults of a real process."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc")

_PAGES_A_MAP = 50_000_000 // 4096

_SCRIPT = """
import resource
from pathlib import Path
import torch
from osrmac.descriptor.optimize import malloc

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.empty(50_000_000, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def pages():
    return int(Path("/proc/self/statm").read_text().split()[1])

faults()
ever_anew = faults()
malloc.keep()
faults()
kept, before = faults(), pages()
malloc.give_back()
print(ever_anew, kept, before - pages())
"""


def test_memory_is_kept_until_it_is_given_back() -> None:
    ran = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    ever_anew, kept, given_back = map(int, ran.stdout.split())

    assert ever_anew > 9 * _PAGES_A_MAP
    assert kept < _PAGES_A_MAP / 10
    assert given_back > 0.9 * _PAGES_A_MAP
