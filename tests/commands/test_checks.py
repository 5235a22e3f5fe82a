from pathlib import Path

import pytest

from osrmac.commands import checks
from osrmac.config import BenchmarkConfig, DescriptorConfig
from osrmac.descriptor.models.architectures import get_architecture
from osrmac.descriptor.recipes import RECIPES
from osrmac.errors import BenchmarkError, ConfigError, NotFoundError
from osrmac.storage.location import Location
from osrmac.storage.run import Run


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


def test_a_file_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    checks.check_file_writable(Location.of(tmp_path / "new" / "scores.json"))
    (tmp_path / "file").touch()
    checks.check_file_writable(Location.of(tmp_path / "file"))
    with pytest.raises(ConfigError, match="a file is at"):
        checks.check_file_writable(Location.of(tmp_path / "file" / "scores.json"))
    with pytest.raises(ConfigError, match="a folder is there: name a file"):
        checks.check_file_writable(Location.of(tmp_path))


def test_a_run_in_the_memory_of_a_process_is_refused() -> None:
    with pytest.raises(ConfigError, match="memory://run would be lost at the end of this process"):
        checks.check_writable(Location.of("memory://run"))


def test_a_new_run_needs_another_folder_than_its_images_but_may_be_below_it(tmp_path: Path, run: Run) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (tmp_path, tmp_path / "link", f"{tmp_path}/"):
        with pytest.raises(ConfigError, match="is the folder of the images"):
            checks.check_separate(Location.of(folder), Run(str(tmp_path)))
    checks.check_separate(Location.of(tmp_path), Run(str(tmp_path / "new")))
    checks.check_separate(Location.of(tmp_path / "photos"), Run(str(tmp_path / "photos-run")))
    checks.check_separate(run.location, run)


def test_a_benchmark_is_checked_with_its_ground_truth_and_modes(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="--ground-truth"):
        checks.check_benchmark(BenchmarkConfig(benchmark="oxford5k"))
    with pytest.raises(BenchmarkError, match="query mode"):
        checks.check_benchmark(BenchmarkConfig(benchmark="ukbench", queries=("cropped",)))
    with pytest.raises(NotFoundError, match="does not exist"):
        checks.check_benchmark(BenchmarkConfig(benchmark="groups", ground_truth=str(tmp_path / "gone.csv")))
