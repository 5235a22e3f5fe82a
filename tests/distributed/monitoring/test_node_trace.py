import time
from typing import Any

import pytest
import ray

from osrmac.distributed.monitoring import node_trace
from osrmac.distributed.monitoring.node_trace import trace_nodes

HEAD = {"Alive": True, "Resources": {"CPU": 2.0}}
GPU_NODE = {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 1.0, "accelerator_type:L4": 1.0}}
LOST = {"Alive": False, "Resources": {"CPU": 8.0}}


def without_seconds(trace: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert all(entry["seconds"] >= 0 for entry in trace)
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in trace]


def wait_for_entries(trace: list[dict[str, Any]], number: int) -> None:
    while len(trace) < number:
        time.sleep(0.01)


def test_an_entry_is_added_whenever_the_nodes_change(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [HEAD]
    monkeypatch.setattr(node_trace, "_INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(ray, "nodes", lambda: list(nodes))
    with trace_nodes() as trace:
        wait_for_entries(trace, 1)
        nodes.append(GPU_NODE)
        wait_for_entries(trace, 2)
        nodes[1] = LOST
    assert without_seconds(trace) == [
        {"nodes": 1, "cpus": 2.0, "gpus": 0.0, "accelerators": []},
        {"nodes": 2, "cpus": 10.0, "gpus": 1.0, "accelerators": ["L4"]},
        {"nodes": 1, "cpus": 2.0, "gpus": 0.0, "accelerators": []},
    ]


def test_a_short_command_has_one_entry() -> None:
    with trace_nodes() as trace:
        pass
    assert without_seconds(trace) == [{"nodes": 1, "cpus": 2.0, "gpus": 0.0, "accelerators": []}]


def test_without_ray_the_trace_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with trace_nodes() as trace:
        pass
    assert trace == []
