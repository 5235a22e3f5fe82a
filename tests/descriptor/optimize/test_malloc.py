"""Retained and returned memory, by the page faults of a process."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc")

_PAGES_PER_MAP = 50_000_000 // 4096

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
returned = faults()
malloc.retain()
faults()
retained, before = faults(), pages()
malloc.trim()
print(returned, retained, before - pages())
"""


@pytest.mark.integration
def test_freed_memory_is_retained_until_trim() -> None:
    process = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    returned, retained, trimmed = map(int, process.stdout.split())

    assert returned > 9 * _PAGES_PER_MAP
    assert retained < _PAGES_PER_MAP / 10
    assert trimmed > 0.9 * _PAGES_PER_MAP
