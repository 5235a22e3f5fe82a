from pathlib import Path

import pytest

from osrmac.commands import checks
from osrmac.config import BenchmarkConfig, DescriptorConfig
from osrmac.descriptor.models.architectures import get_architecture
from osrmac.descriptor.recipes import RECIPES
from osrmac.errors import BenchmarkError, ConfigError, NotFoundError
from osrmac.storage.location import Location


def test_the_names_that_need_no_look_at_the_registries_are_in_them() -> None:
    assert set(checks.BUILTIN_RECIPES) <= RECIPES.keys()
    for name in checks.BUILTIN_BACKBONES:
        get_architecture(name)


@pytest.mark.parametrize(
    ("descriptor", "message"),
    [
        (DescriptorConfig(backbone="vgg"), "unknown backbone 'vgg'"),
        (DescriptorConfig(backbone="timm:nothing"), "timm has no model 'nothing'"),
        (DescriptorConfig(recipes=("single", "best")), "unknown recipe 'best'"),
    ],
)
def test_unknown_backbones_and_recipes_are_refused(descriptor: DescriptorConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        checks.check_descriptor(descriptor)


def test_a_run_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    checks.check_writable(Location.of(tmp_path / "new" / "run"))
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="a file is at"):
        checks.check_writable(Location.of(tmp_path / "file" / "run"))


def test_a_benchmark_is_checked_with_its_ground_truth_and_modes(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="--ground-truth"):
        checks.check_benchmark(BenchmarkConfig(benchmark="oxford5k"))
    with pytest.raises(BenchmarkError, match="query mode"):
        checks.check_benchmark(BenchmarkConfig(benchmark="ukbench", queries=("cropped",)))
    with pytest.raises(NotFoundError, match="does not exist"):
        checks.check_benchmark(BenchmarkConfig(benchmark="groups", ground_truth=str(tmp_path / "gone.csv")))
