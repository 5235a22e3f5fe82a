"""The watchdog, in processes of their own, since it ends them."""

import subprocess
import sys

import pytest

STUCK = 1
"""Exit status of a process that the watchdog ended."""

_PROGRAM = """
import time
from osrmac.distributed.watchdog import Watchdog

def read(number):
    time.sleep({read})
    return number

def decode(number):
    time.sleep({decode} if number == 2 else 0)
    return number

from osrmac.prefetch import prefetch
watchdog = Watchdog(0.4, {longest_fetch})
contents = prefetch(read, range(4), threads=1, depth=1)
results = prefetch(decode, watchdog.fetching(contents), threads=1, depth=1)
for _ in range(4):
    with watchdog.describing():
        next(results)
time.sleep(0.6)  # nothing is described
"""


_IN_BATCHES = """
import time
from osrmac.distributed.watchdog import Watchdog

watchdog = Watchdog(2.0, 60)

def decoded():
    for seconds in watchdog.fetching({seconds}):
        time.sleep(seconds)
        yield seconds

def in_batches():
    yield from list(decoded())

results = in_batches()
for _ in range(4):
    with watchdog.describing():
        next(results)
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        pytest.param([0.7, 0.7, 0.7, 0.7], 0, id="many images before the first result"),
        pytest.param([0, 0, 60, 0], STUCK, id="a stuck image among them"),
    ],
)
def test_the_time_limit_is_that_of_an_image_where_results_come_in_batches(seconds: list[float], status: int) -> None:
    program = _IN_BATCHES.format(seconds=seconds)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status, done.stderr


@pytest.mark.integration
@pytest.mark.parametrize(
    ("read", "decode", "longest_fetch", "status"),
    [
        pytest.param(0.5, 0, 60, 0, id="slow store"),
        pytest.param(0, 60, 60, STUCK, id="stuck image"),
        pytest.param(0.5, 60, 60, STUCK, id="stuck image from a slow store"),
        pytest.param(60, 0, 0.2, STUCK, id="stuck store"),
    ],
)
def test_a_process_ends_if_an_image_takes_too_long_but_not_if_the_store_is_slow(
    read: float, decode: float, longest_fetch: float, status: int
) -> None:
    program = _PROGRAM.format(read=read, decode=decode, longest_fetch=longest_fetch)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status, done.stderr
    assert ("Timeout" in done.stderr) == (status == STUCK)
