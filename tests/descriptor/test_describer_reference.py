"""Every recipe of `Describer` against an independent implementation with torchvision and NumPy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2.functional import normalize, resize

from osrmac.config import DescriptorConfig
from osrmac.descriptor.describer import Describer, Description
from osrmac.descriptor.models.backbones import build
from osrmac.descriptor.models.weights import StateDict, Weights
from osrmac.descriptor.recipes import RECIPES
from tests.descriptor import reference
from tests.descriptor.reference import Array
from tests.pictures import encoded, textured

CONFIG = DescriptorConfig(backbone="resnet18", weights="random:0", recipes=tuple(RECIPES), image_sizes=(48, 96, 64))


def feature_maps(state: StateDict, image: Image.Image, longest_side: int) -> list[Array]:
    """The maps of the last two stages of torchvision's ResNet18, read by hooks."""
    network = torchvision.models.resnet18()
    network.load_state_dict(state)
    network.eval()
    outputs: dict[str, Tensor] = {}

    def record(name: str) -> Callable[..., None]:
        return lambda _module, _inputs, output: outputs.update({name: output})

    for name in ("layer4", "layer3"):
        network.get_submodule(name).register_forward_hook(record(name))
    shorter = round(longest_side * min(image.size) / max(image.size))
    size = [shorter, longest_side] if image.width > image.height else [longest_side, shorter]
    pixels = resize(torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1), size, antialias=True)
    with torch.inference_mode():
        network(normalize(pixels[None] / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return [outputs[name][0].numpy() for name in ("layer4", "layer3")]


def fuse(maps: list[Array]) -> Array:
    total = np.zeros_like(maps[0])
    for of_size in maps:
        rescaled = functional.interpolate(torch.from_numpy(of_size)[None], total.shape[1:], mode="bilinear")
        total += rescaled[0].numpy()
    return total


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (200, 200), (300, 20), (30, 31)])
def test_every_recipe_agrees_with_the_reference(size: tuple[int, int], resnet18: Weights) -> None:
    image = textured(*size)

    (description,) = Describer(build("resnet18", (), resnet18.state, embedding=True), CONFIG)([encoded(image)])

    by_size = [feature_maps(resnet18.state, image, longest_side) for longest_side in (96, 64, 48)]
    fused = [fuse([of_size[layer] for of_size in by_size]) for layer in (0, 1)]
    middle, weight, bias = by_size[1], resnet18.state["fc.weight"].numpy(), resnet18.state["fc.bias"].numpy()

    def late(pool: Callable[[Array], Array], layer: int = 0) -> Array:
        return reference.late([pool(of_size[layer]) for of_size in by_size])

    expected = {
        "single": reference.osrmac(middle[0]),
        "late": late(reference.osrmac),
        "early": reference.osrmac(fused[0]),
        "early_prev": reference.osrmac(fused[1]),
        "osrmac": np.concatenate([reference.osrmac(maps) for maps in fused]),
        "osrmac_local": reference.osrmac_local(fused, weight, bias, sizes=3),
        "mac": reference.mac(middle[0]),
        "late_mac": late(reference.mac),
        "rmac": reference.rmac(middle[0]),
        "late_rmac": late(reference.rmac),
        "rmac_integral": reference.rmac_integral(middle[0]),
        "rmac_regions": reference.rmac_regions(middle[0]),
        "msrmac": np.concatenate([reference.rmac(maps) for maps in middle]),
        "late_msrmac": np.concatenate([late(reference.rmac, layer) for layer in (0, 1)]),
        "gem": reference.gem(middle[0], 3),
        "late_gem": late(lambda maps: reference.gem(maps, 3)),
        "max_gem": reference.maximum([reference.gem(of_size[0], 3) for of_size in by_size]),
        "superglobal": reference.maximum([reference.superglobal(of_size[0]) for of_size in by_size]),
        "global": (mean := middle[0].mean(axis=(1, 2))) / np.linalg.norm(mean),
    }
    assert isinstance(description, Description)
    assert description.vectors.keys() == expected.keys()
    for name, vector in description.vectors.items():
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, expected[name], rtol=0, atol=1e-5)
