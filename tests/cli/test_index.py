import json
from typing import Any

import pytest

from osrmac.cli import main
from osrmac.commands import index as command
from osrmac.commands.index import Indexing
from osrmac.config import ClusterConfig, IndexConfig

RESULT: dict[str, Any] = {
    "run": "/run",
    "method": "osrmac-leverage-348",
    "distances": ("l1", "l2"),
    "images": 12_000,
    "shards": 30,
    "added": 30,
    "trained": True,
    "trained_on": 6_400,
    "factory": "IVF128,Flat",
    "parts": 1,
    "bytes": 17_340_000,
    "seconds": 12.4,
}


@pytest.mark.parametrize(
    ("change", "done"),
    [
        ({}, "built in 12 s, trained on 6,400 vectors"),
        ({"trained": False, "added": 2}, "2 shards added in 12 s"),
        ({"trained": False, "added": 0}, "nothing to add"),
    ],
)
def test_an_index_is_summarized(
    change: dict[str, Any], done: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[str, IndexConfig, ClusterConfig]] = []

    def index(*arguments: Any) -> Indexing:
        calls.append(arguments)
        return Indexing(**RESULT | change)

    monkeypatch.setattr(command, "index", index)
    main(["index", "/run", "--distance", "cosine", "--address", "head:6379"])
    assert calls == [("/run", IndexConfig(distance="cosine"), ClusterConfig(address="head:6379"))]
    assert capsys.readouterr().out == (
        f"index of 12,000 images by osrmac-leverage-348, for distances l1 and l2: {done}; IVF128,Flat, 17.3 MB\n"
    )
    main(["index", "/run", "--format", "json", "--quiet"])
    assert json.loads(capsys.readouterr().out) == RESULT | change | {"distances": ["l1", "l2"]}
