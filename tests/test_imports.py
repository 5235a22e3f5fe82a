import subprocess
import sys
from pathlib import Path

import pytest

from osrmac.storage.run import Run


def output_of(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module",
    [
        *("osrmac", "osrmac.config", "osrmac.cli", "osrmac.commands.checks", "osrmac.commands.extract"),
        *(
            "osrmac.commands.estimate",
            "osrmac.commands.fit",
            "osrmac.commands.run",
            "osrmac.commands.info",
            "osrmac.commands.prune",
        ),
        *("osrmac.commands.verify", "osrmac.server.start"),
    ],
)
def test_modules_that_check_arguments_load_neither_torch_nor_ray(module: str) -> None:
    assert output_of(f"import sys, {module}; print({{'torch', 'ray'}} & set(sys.modules))") == "set()"


def test_public_names_load_only_their_module() -> None:
    assert output_of("import sys, osrmac; osrmac.DescriptorConfig; print('osrmac.api' in sys.modules)") == "False"


@pytest.mark.integration
def test_images_are_described_without_ray() -> None:
    code = """
import sys
sys.modules["ray"] = None
import io
from PIL import Image
from osrmac import Describer, DescriptorConfig
buffer = io.BytesIO()
Image.new("RGB", (80, 60), "teal").save(buffer, "PNG")
describer = Describer.load(DescriptorConfig(backbone="resnet18", weights="random:0", image_sizes=(64,)))
print(describer([buffer.getvalue()])[0].vectors["osrmac"].shape)
"""
    assert output_of(code) == "(768,)"


@pytest.mark.integration
def test_a_run_is_searched_scored_reported_and_exported_without_ray(run: Run, tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_text("id,group\neven/00.png,0\ncopy0.png,0\n")
    code = f"""
import sys
sys.modules["ray"] = None
import osrmac
url = {run.url!r}
print(osrmac.search(url, "copy1.png", top=1)[0].matches[0].id)
print(osrmac.evaluate(url, benchmark="groups", ground_truth={str(tmp_path / "groups.csv")!r}).benchmark)
print(len(osrmac.duplicates(url, threshold=0, method="single").groups))
print(osrmac.export(url, {str(tmp_path / "npy")!r}, to="npy").images)
print(osrmac.report(url).rpartition("/")[2])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["copy1.png", "groups", "5", "26", "report.html"]


LOADED = """
import sys
from contextlib import suppress
from osrmac.cli import main
with suppress(SystemExit):
    main({arguments!r})
print(*{{module.partition(".")[0] for module in sys.modules}} & {modules!r}, file=sys.stderr)
"""

SLOW = {"duckdb", "numpy", "pyarrow", "ray", "rich", "scipy", "sklearn", "torch", "tyro"}


def loaded(arguments: list[str], modules: set[str]) -> set[str]:
    """Return which of some modules a command loads."""
    code = LOADED.format(arguments=arguments, modules=modules)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout
    return set(done.stderr.split())


def test_the_version_is_shown_without_any_other_package() -> None:
    assert loaded(["--version"], SLOW) == set()


def test_the_help_is_shown_with_the_parser_alone() -> None:
    assert loaded(["--help"], SLOW) == {"tyro"}


def test_a_search_by_id_loads_only_what_reads_and_compares_vectors(finished: Run) -> None:
    modules = SLOW | {"PIL", "aiohttp", "s3fs", "timm", "torchvision"}
    search = ["search", finished.url, "copy1.png"]
    assert loaded(search, modules) == {"numpy", "pyarrow", "rich", "tyro"}
    assert loaded([*search, "--format", "json"], modules) == {"numpy", "pyarrow", "tyro"}


def test_a_command_that_needs_ray_says_so_in_one_line(run: Run) -> None:
    code = f"import sys; sys.modules['ray'] = None; from osrmac.cli import main; main(['verify', {run.url!r}])"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "osrmac: this command runs on Ray, which is not installed: pip install 'ray[data]'\n"
