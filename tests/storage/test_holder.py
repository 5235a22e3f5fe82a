import json
import subprocess
from typing import Any

import pytest

from osrmac.storage import holder


@pytest.fixture
def child() -> Any:
    """A process that has ended, whose parent has not noticed."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        values = holder.this_process() | {"pid": process.pid, "ticks": holder._start_ticks(process.pid)}
        assert holder.is_gone(values) is False
        process.kill()
        while not holder.is_gone(values):
            pass
        yield values


def test_this_process_is_not_gone_and_can_be_stored() -> None:
    values = holder.parse(json.dumps(holder.this_process()).encode())
    assert holder.is_gone(values) is False


def test_a_process_that_ended_is_gone(child: dict[str, Any]) -> None:
    assert holder.is_gone(child) is True  # a zombie as yet


def test_a_process_whose_number_was_used_again_is_gone() -> None:
    values = holder.this_process()
    assert holder.is_gone(values | {"ticks": values["ticks"] - 1}) is True


@pytest.mark.parametrize("key", ["host", "machine", "boot", "pid_namespace"])
def test_a_process_of_another_machine_or_container_is_not_visible(key: str) -> None:
    values = holder.this_process()
    assert holder.is_gone(values | {key: "another"}) is None
    assert holder.is_gone(values | {key: "another", "ticks": 0}) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'{"pid": "12"}'])
def test_the_holder_of_a_damaged_lock_is_unknown(content: bytes) -> None:
    assert holder.is_gone(holder.parse(content)) is None


def test_a_holder_of_version_0_1_0_is_known_by_the_time_of_its_start() -> None:
    now = holder.this_process()
    values = {key: now[key] for key in ("host", "pid", "started")}
    assert holder.is_gone(values) is False
    assert holder.is_gone(values | {"started": now["started"] - 5}) is True
    assert holder.is_gone(values | {"host": "another"}) is None
