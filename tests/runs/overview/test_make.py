from pathlib import Path

import numpy as np
import pytest

from osrmac.config import OverviewConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.retrieval.overview import SampleOverview
from osrmac.runs.methods import choose_method
from osrmac.runs.overview.make import current_overview, make_overview
from osrmac.runs.overview.sample import draw
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

SCENES, SHOTS = 6, 4


@pytest.fixture
def run(tmp_path: Path) -> Run:
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(SCENES, 32))
    shots = {
        f"{scene}-{shot}.jpg": scenes[scene] + rng.normal(scale=0.05, size=32)
        for scene in range(SCENES)
        for shot in range(SHOTS)
    }
    return tiny_run(tmp_path / "run", {"osrmac": shots | {"odd.jpg": rng.normal(scale=2, size=32)}}, rows_per_shard=3)


def test_every_image_of_a_run_is_in_its_overview(run: Run) -> None:
    made = make_overview(run)
    assert sorted(map(sorted, made.groups)) == [
        [f"{scene}-{shot}.jpg" for shot in range(SHOTS)] for scene in range(SCENES)
    ]
    assert len(made.positions) == SCENES * SHOTS + 1
    assert made.outliers[0].id == "odd.jpg"
    assert (made.facts.images, made.facts.sampled, made.facts.method) == (25, 25, "osrmac")
    assert made.stale is None
    content = run.overview.read_bytes()
    assert current_overview(run).facts == made.facts
    make_overview(run)
    assert run.overview.read_bytes() == content


def test_images_beyond_the_sample_are_assigned_to_it(run: Run) -> None:
    made = make_overview(run, OverviewConfig(sample=15, device="cpu"))
    within = shards.paths(run.descriptors)
    ids, _ = draw(within, 15)
    assert made.positions.keys() == set(ids)
    assert (made.facts.images, made.facts.sampled) == (25, 15)
    rows = {row["id"]: row for row in shards.read(run.overview).to_pylist()}
    assert len(rows) == 25
    vectors = shards.read_vectors(within, "osrmac")
    by_id = dict(zip(vectors.ids, vectors.values, strict=True))
    sample = SampleOverview.of(np.stack([by_id[image] for image in ids]), "l1")
    others = [image for image in vectors.ids if image not in set(ids)]
    placed = sample.assign(np.stack([by_id[image] for image in others]))
    for row, image in enumerate(others):
        assert [rows[image][name] for name in ("x", "y", "isolation")] == [
            *placed.positions[row].tolist(),
            placed.isolation[row],
        ]
        assert not rows[image]["sampled"]
    assert all(len({image[0] for image in group}) == 1 for group in made.groups)
    assert sum(map(len, made.groups)) > 15


def test_an_overview_is_made_again_when_images_were_added(run: Run) -> None:
    made = make_overview(run)
    shard = shards.paths(run.descriptors)[-1]
    shards.replace(shard, shards.read(shard), 1)
    again = current_overview(run)
    assert again.stale is None
    assert again.facts.shards != made.facts.shards
    assert again.groups == made.groups


def test_a_run_without_vectors_to_compare_is_refused(tmp_path: Path) -> None:
    failed = tiny_run(tmp_path / "failed", {"osrmac": {"a": np.eye(2)[0]}}, failed={"b": ("decode", "no")})
    for shard in shards.paths(failed.descriptors):
        table = shards.read(shard)
        shards.replace(shard, table.slice(0, 0), 1)
    with pytest.raises(StorageError, match="has no described images"):
        make_overview(failed)
    regional = tiny_run(tmp_path / "regional", {"rmac_regions": {"a": np.eye(2)}})
    with pytest.raises(ConfigError, match="only vectors of regions"):
        make_overview(regional)
    assert choose_method(failed, None).name == "osrmac"
    assert not any(run.overview.exists() for run in (regional, failed))
