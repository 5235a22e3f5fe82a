from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from osrmac.runs.methods import Method
from osrmac.runs.near_duplicates import second_look as module
from osrmac.runs.near_duplicates.second_look import LookTask, second_look
from osrmac.runs.near_duplicates.vector_pieces import VectorPieces
from osrmac.types import Matrix
from tests.tiny_run import tiny_run

SINGLE = Method("single", "single", ("single",))


@pytest.mark.parametrize("images", [1, 2, 64])
def test_every_pair_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int) -> None:
    monkeypatch.setattr(module, "_IMAGES", images)
    names = [f"{number:02d}" for number in range(9)]
    run = tiny_run(tmp_path / "run", {"single": {name: [0] for name in names}})
    other = tiny_run(tmp_path / "other", {"single": {name: [0] for name in ("x", "y")}})
    one = VectorPieces.of(run, SINGLE)
    sides = [one, VectorPieces.of(other, SINGLE, len(one))]
    order = [*one.rows_at(np.arange(9))["uri"].to_pylist(), *sides[1].rows_at(np.arange(9, 11))["uri"].to_pylist()]
    pairs = np.array([[0, 5], [8, 10], [2, 3], [5, 9], [0, 9], [1, 7]])
    seen: list[tuple[str, ...]] = []

    def look(tasks: Sequence[LookTask]) -> list[Matrix]:
        found = []
        for located, local in tasks:
            assert len(located) <= 2 * images
            uris = [[located[number][1] for number in pair] for pair in local]
            seen.extend(map(tuple, uris))
            found.append(np.array([1000 * order.index(a) + order.index(b) for a, b in uris], np.float32))
        return found

    agreements = second_look(sides, pairs, look)
    assert agreements.tolist() == [1000 * a + b for a, b in pairs.tolist()]
    assert len(seen) == len(set(seen)) == len(pairs)


def test_no_pairs_need_no_look(tmp_path: Path) -> None:
    images = VectorPieces.of(tiny_run(tmp_path, {"single": {"a": [0]}}), SINGLE)
    assert second_look(
        [images], np.empty((0, 2), np.int64), lambda tasks: [np.zeros(0, np.float32)] * len(tasks)
    ).shape == (0,)
