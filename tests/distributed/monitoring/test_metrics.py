from collections.abc import Mapping
from typing import Any

import pytest

from osrmac.distributed.monitoring import metrics
from osrmac.distributed.monitoring.metrics import WorkerMetrics


@pytest.fixture
def series(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], float]:
    """Sums of all counters by name and tag; like Ray's, they accept positive values only."""
    sums: dict[tuple[str, str], float] = {}

    class Counter:
        def __init__(self, name: str, _description: str, _tags: tuple[str, ...] = ()) -> None:
            self.name = name

        def inc(self, value: float, tags: Mapping[str, Any] | None = None) -> None:
            assert value > 0
            key = self.name, " ".join((tags or {}).values())
            sums[key] = sums.get(key, 0) + value

    monkeypatch.setattr(metrics, "Counter", Counter)
    return sums


def test_counters_have_the_documented_names_and_add_up(series: dict[tuple[str, str], float]) -> None:
    worker = WorkerMetrics()
    for described, failed in ((3, 0), (2, 1)):
        worker.count_images("ok", described)
        worker.count_images("failed", failed)
        worker.add_seconds({"fetch": 0.5, "decode": 0.0})
    assert series == {("osrmac_images", "ok"): 5, ("osrmac_images", "failed"): 1, ("osrmac_seconds", "fetch"): 1.0}


def test_bytes_are_counted_as_they_pass(series: dict[tuple[str, str], float]) -> None:
    contents: list[bytes | Exception] = [b"12345", OSError("gone"), b"", b"67"]
    assert list(WorkerMetrics().count_bytes(iter(contents))) == contents
    assert series == {("osrmac_fetched_bytes", ""): 7}
