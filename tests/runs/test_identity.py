from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.config import DescriptorConfig
from osrmac.errors import StorageError
from osrmac.runs.identity import identify, identify_again
from osrmac.storage.run import Identity, Run
from tests.tiny_run import tiny_run

CONFIG = DescriptorConfig(
    backbone="resnet18", weights="random:0", recipes=("osrmac", "rmac_regions"), image_sizes=(96, 64)
)


@pytest.fixture(scope="module")
def identity() -> Identity:
    return identify(CONFIG)[0]


def test_an_identity_names_parts_regions_and_weights(identity: Identity) -> None:
    assert identity.parts == {"osrmac": (512, 256), "rmac_regions": (512,)}
    assert identity.regional == ("rmac_regions",)
    assert "random" in identity.weights


@pytest.mark.parametrize("difference", [{"weights": "random:1"}, {"image_sizes": (96,)}])
def test_other_weights_or_settings_are_another_identity(identity: Identity, difference: dict[str, object]) -> None:
    other, _ = identify(replace(CONFIG, **difference))  # type: ignore[arg-type]
    assert other.fingerprint != identity.fingerprint


def test_a_run_is_continued_with_the_weights_that_it_was_made_with(identity: Identity, tmp_path: Path) -> None:
    run = Run(str(tmp_path))
    run.open(identity, "/photos", {})
    assert identify_again(run)[0] == identity


def test_a_run_whose_weights_have_changed_is_refused(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"single": {"a.jpg": [1.0]}})
    with pytest.raises(StorageError, match="the weights resnet18 random:0 have changed since"):
        identify_again(run)
