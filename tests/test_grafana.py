"""The Grafana dashboard in the documentation shows the metrics that the code has, and no others."""

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from osrmac.distributed.monitoring.metrics import WorkerMetrics

from .documents import ROOT

DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs" / "grafana" / "osrmac.json").read_text())
PANELS = DASHBOARD["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
CLUSTER = (ROOT / "docs" / "cluster.md").read_text()

_SELECTOR = re.compile(r"\b(ray_\w+)\{([^}]*)\}")
_LABEL = re.compile(r"(\w+)=~?\"")
_GROUPING = re.compile(r"by \((\w+)\)")


@pytest.fixture
def own_metrics(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Labels of each counter of the workers, by the name that Prometheus has for it."""
    made: dict[str, set[str]] = {}

    def counter(name: str, description: str = "", tag_keys: tuple[str, ...] = ()) -> None:
        made[f"ray_{name}_total"] = set(tag_keys)

    monkeypatch.setattr("osrmac.distributed.monitoring.metrics.Counter", counter)
    WorkerMetrics()
    return made


def selectors() -> list[tuple[str, set[str]]]:
    """Return the metrics of all queries, each with the labels that are selected or grouped by beside it."""
    return [
        (name, {*_LABEL.findall(labels), *_GROUPING.findall(query)} - {"SessionName"})
        for query in QUERIES
        for name, labels in _SELECTOR.findall(query)
    ]


def test_every_metric_of_the_workers_is_shown_with_its_labels_and_documented(own_metrics: dict[str, set[str]]) -> None:
    shown: dict[str, set[str]] = {}
    for name, labels in selectors():
        shown.setdefault(name, set()).update(labels)
    assert {name: labels for name, labels in shown.items() if name.startswith("ray_osrmac_")} == own_metrics
    assert all(f"`{name}`" in CLUSTER for name in own_metrics)


def test_every_other_metric_is_one_of_ray() -> None:
    exported = files("ray.dashboard.modules.reporter").joinpath("reporter_agent.py").read_text()
    others = {name for name, _ in selectors() if not name.startswith("ray_osrmac_")}
    assert len(others) > 5
    assert {name for name in others if f'"{name.removeprefix("ray_")}"' not in exported} == set()


def test_every_query_selects_the_ray_session() -> None:
    for query in QUERIES:
        names = re.findall(r"\bray_\w+", query)
        assert names == [name for name, labels in _SELECTOR.findall(query) if 'SessionName=~"$session"' in labels]


def test_panels_use_the_chosen_data_source_and_do_not_overlap() -> None:
    sources = [panel["datasource"] for panel in PANELS] + [
        target["datasource"] for p in PANELS for target in p["targets"]
    ]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
