"""CompiledTrunk networks, against the same networks as they are."""

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from osrmac.descriptor.models.backbones import Backbone, build, load_weights
from osrmac.descriptor.optimize import compile as compile_module
from osrmac.descriptor.optimize.compile import CompiledTrunk, compile_for_gpu
from osrmac.errors import ConfigError


class Trunk(nn.Module):
    """A small network that counts its uncompiled runs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.runs = 0

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        if not torch.compiler.is_compiling():
            self.runs += 1
        return {"conv": self.conv(pixels).relu()}


@pytest.mark.integration
@torch.inference_mode()
def test_common_shapes_run_compiled_with_equal_results() -> None:
    trunk = Trunk().eval()
    compiled = CompiledTrunk(trunk, (32,))

    for shape, runs in [((24, 32), 0), ((32, 24), 0), ((21, 32), 0), ((24, 32), 0), ((25, 32), 1), ((32, 32), 2)]:
        pixels = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(0))
        maps = compiled(pixels)["conv"]
        assert trunk.runs == runs
        torch.testing.assert_close(maps, trunk.conv(pixels).relu(), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_code_for_a_gpu_is_compiled_once_for_all_batches_and_sizes_but_the_smallest() -> None:
    trunk = Trunk().eval()
    backbone = Backbone(trunk, ("conv",), (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    network = compile_for_gpu(backbone)
    compilations = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    trunk.runs = 0

    for shape, runs in [
        ((2, 128, 160), 0),
        ((8, 200, 150), 0),
        ((15, 128, 128), 0),  # on CPUs, torch computes larger batches in another way
        ((1, 128, 160), 1),
        ((2, 90, 400), 2),
    ]:
        pixels = torch.randint(256, (shape[0], 3, *shape[1:]), dtype=torch.uint8)
        maps = network(pixels)
        assert trunk.runs == runs
        torch.testing.assert_close(maps, backbone(pixels / 255), rtol=0, atol=1e-5)
        trunk.runs = runs

    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == compilations + 1


@pytest.mark.parametrize("size", [(24, 33), (25, 32), (7, 7)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 2, 1), (5, 2, 1), (3, 1, 2), (5, 3, 2), (1, 1, 1)])
def test_timms_padding_in_integers_gives_equal_maps(
    kernel: int, stride: int, dilation: int, size: tuple[int, int]
) -> None:
    layer = Conv2dSame(4, 6, kernel, stride, dilation=dilation)
    maps = torch.rand(2, 4, *size)

    assert torch.equal(compile_module._SamePadding(layer)(maps), layer(maps))


def test_layers_with_timms_padding_are_replaced() -> None:
    backbone = build("efficientnet_lite0", (), load_weights("efficientnet_lite0", "random:0").state)
    pixels = torch.randint(256, (1, 3, 65, 98), dtype=torch.uint8)
    with torch.inference_mode():
        expected = backbone.from_bytes(pixels)
        maps = compile_for_gpu(backbone)(pixels)

    replaced = [layer for layer in backbone.modules() if isinstance(layer, compile_module._SamePadding)]
    assert len(replaced) == 5
    for actual, original in zip(maps, expected, strict=True):
        assert torch.equal(actual, original)


def test_parameters_are_shared_with_the_trunk() -> None:
    trunk = Trunk().eval()

    assert [*CompiledTrunk(trunk, (32,)).parameters()] == [*trunk.parameters()]


def test_a_missing_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler\nof any kind")

    monkeypatch.setattr("torch.compile", lambda *_, **__: fail)

    with pytest.raises(ConfigError, match=r"^--compile needs a C\+\+ compiler, such as g\+\+, .*: no compiler$"):
        CompiledTrunk(Trunk(), (32,))
