from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.config import ComputeConfig, DescriptorConfig
from osrmac.errors import StorageError
from osrmac.runs.identity import identify, identify_again, rows_per_shard
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

CONFIG = DescriptorConfig(
    backbone="resnet18", weights="random:0", recipes=("osrmac", "rmac_regions"), image_sizes=(96, 64)
)


def test_an_identity_names_parts_regions_and_weights() -> None:
    identity, weights = identify(CONFIG)
    assert identity.parts == {"osrmac": (512, 256), "rmac_regions": (512,)}
    assert identity.regional == ("rmac_regions",)
    assert identity.weights.startswith(weights.source)


def test_other_weights_or_settings_are_another_identity() -> None:
    identity, _ = identify(CONFIG)
    assert identify(CONFIG)[0].fingerprint == identity.fingerprint
    for other in (replace(CONFIG, weights="random:1"), replace(CONFIG, image_sizes=(96,))):
        assert identify(other)[0].fingerprint != identity.fingerprint


def test_a_run_is_continued_with_its_own_weights_only(tmp_path: Path) -> None:
    run = Run(str(tmp_path / "same"))
    identity, _ = identify(CONFIG)
    run.open(identity, "/photos", {})
    assert identify_again(run)[0] == identity
    other = tiny_run(tmp_path / "other", {"single": {"a.jpg": [1.0]}})
    with pytest.raises(StorageError, match="the weights resnet18 random:0 have changed since"):
        identify_again(other)


def test_the_number_of_images_in_a_shard_can_be_set() -> None:
    identity, _ = identify(CONFIG)
    assert rows_per_shard(identity, ComputeConfig(shard_rows=7))(1_000_000) == 7
    assert rows_per_shard(identity, ComputeConfig())(50_000) == 100
