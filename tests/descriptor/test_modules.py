"""Pooling modules: the functions they wrap, gradients, and use within networks and compiled graphs."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from osrmac.descriptor.modules import MAC, OSRMAC, RMAC, GeM, SuperGlobal
from osrmac.descriptor.pooling import gem, osrmac, superglobal
from osrmac.descriptor.regions import mac, rmac

MAPS = torch.rand(2, 4, 7, 10, generator=torch.Generator().manual_seed(0))

POOLINGS = pytest.mark.parametrize(
    ("module", "function"),
    [
        (OSRMAC(), osrmac),
        (OSRMAC(levels=2), lambda maps: osrmac(maps, 2)),
        (RMAC(), rmac),
        (RMAC(levels=2), lambda maps: rmac(maps, 2)),
        (MAC(), mac),
        (GeM(), gem),
        (GeM(power=2), lambda maps: gem(maps, 2)),
        (SuperGlobal(), superglobal),
    ],
    ids=["OSRMAC", "OSRMAC 2", "RMAC", "RMAC 2", "MAC", "GeM", "GeM 2", "SuperGlobal"],
)


@POOLINGS
def test_a_module_equals_its_function(module: nn.Module, function: Callable[[Tensor], Tensor]) -> None:
    assert torch.equal(module(MAPS), function(MAPS))
    assert torch.equal(module(MAPS[0]), function(MAPS[0]))


@pytest.mark.parametrize("module", [OSRMAC, RMAC])
def test_the_number_of_levels_changes_the_vector(module: Callable[[int], nn.Module]) -> None:
    assert not torch.allclose(module(2)(MAPS), module(3)(MAPS))


@POOLINGS
def test_a_compiled_module_equals_its_function(module: nn.Module, function: Callable[[Tensor], Tensor]) -> None:
    torch.testing.assert_close(torch.compile(module, backend="eager")(MAPS), function(MAPS))


@pytest.mark.parametrize("module", [OSRMAC(), RMAC(), MAC(), GeM(), SuperGlobal()])
def test_gradients_are_those_of_finite_differences(module: nn.Module) -> None:
    maps = torch.rand(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)

    assert torch.autograd.gradcheck(module, maps)


@pytest.mark.parametrize("module", [OSRMAC(), RMAC(), MAC(), GeM(), SuperGlobal()])
def test_gradients_are_finite_for_a_channel_of_zeros(module: nn.Module) -> None:
    maps = MAPS.clone()
    maps[:, 1] = 0
    maps[1] = 0
    maps.requires_grad_()

    (gradient,) = torch.autograd.grad(module(maps)[..., 0].sum(), maps)

    assert bool(gradient.isfinite().all())
    assert bool((gradient[0, 0] != 0).any())


def test_modules_are_layers_of_a_network() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), OSRMAC(levels=2))

    assert network(torch.rand(2, 3, 20, 30)).shape == (2, 8)
    assert [*OSRMAC().parameters(), *RMAC().parameters(), *MAC().parameters(), *GeM().parameters()] == []


def test_repr_shows_the_arguments() -> None:
    assert [repr(module) for module in (OSRMAC(), RMAC(levels=2), MAC(), GeM(), SuperGlobal())] == [
        "OSRMAC(levels=3)",
        "RMAC(levels=2)",
        "MAC()",
        "GeM(power=3.0)",
        "SuperGlobal()",
    ]
