import subprocess
import sys

import pytest


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["osrmac", "osrmac.config", "osrmac.cli"])
def test_what_every_start_imports_loads_neither_torch_nor_ray(module: str) -> None:
    assert run(f"import sys, {module}; print({{'torch', 'ray'}} & set(sys.modules))") == "set()"


def test_the_numeric_core_runs_where_ray_is_not_installed() -> None:
    code = """
import sys
sys.modules["ray"] = None
import io
from PIL import Image
from osrmac.config import DescriptorConfig
from osrmac.descriptor.describer import Describer
import osrmac.evaluation.protocols, osrmac.reduction.pfa, osrmac.storage.run
buffer = io.BytesIO()
Image.new("RGB", (80, 60), "teal").save(buffer, "PNG")
describer = Describer.load(DescriptorConfig(backbone="resnet18", weights="random:0", image_sizes=(64,)))
print(describer([buffer.getvalue()])[0].vectors["osrmac"].shape)
"""
    assert run(code) == "(768,)"
