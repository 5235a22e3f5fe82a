"""How much faster is `Describer` than the script people write first? Both in one process, interleaved, medians.

The obvious script: torchvision's ResNet50 in its default memory layout, hooks on two layers, one image at a time.
Random weights serve, since time does not depend on them. Prints JSON.
"""

import io
from collections.abc import Callable
from itertools import cycle
from typing import Literal

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.nn import functional

from benchmarks.measuring import interleaved, parser, photograph, ratio, rounded, show
from osrmac.config import DescriptorConfig
from osrmac.descriptor.describer import Describer

SCALES = (1050, 800, 550)
PRECISIONS: tuple[Literal["fp32", "bf16"], ...] = ("fp32", "bf16")


def obvious_script() -> Callable[[bytes], Tensor]:
    network = torchvision.models.resnet50().eval()
    taken: dict[str, Tensor] = {}
    for name in ("layer3", "layer4"):
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: taken.__setitem__(name, output)
        )
    normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    @torch.no_grad()
    def describe(encoded: bytes) -> Tensor:
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
        totals: dict[str, Tensor] = {}
        for scale in SCALES:
            factor = scale / max(image.size)
            resized = image.resize(
                (round(image.width * factor), round(image.height * factor)), Image.Resampling.BILINEAR
            )
            network(normalise(torchvision.transforms.functional.to_tensor(resized))[None])
            for name, found in taken.items():
                if name in totals:
                    size = totals[name].shape[-2:]
                    totals[name] = totals[name] + functional.interpolate(found, size=size, mode="bilinear")
                else:
                    totals[name] = found
        return torch.cat([pool(totals["layer4"][0]), pool(totals["layer3"][0])])

    return describe


def pool(features: Tensor) -> Tensor:
    total = torch.zeros(features.shape[0])
    for level in (1, 2, 3):
        side = int(np.ceil(2 * min(features.shape[1:]) / (level + 1)))
        total += functional.max_pool2d(features, side, int(0.4 * side)).square().sum((1, 2)).sqrt()
    return functional.normalize(total, dim=0)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=8)
    options.add_argument("--compile", action="store_true", help="also measure the compiled network")
    options.add_argument("--size", type=int, nargs=2, default=(1024, 768))
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    images = [photograph(number, *chosen.size) for number in range(chosen.images + 1)]
    systems: dict[str, Callable[[], object]] = {"obvious script": taking_turns(obvious_script(), images)}
    for precision in PRECISIONS:
        config = DescriptorConfig(weights="random:0", scales=SCALES, precision=precision)
        systems[precision] = taking_turns(describing(Describer.load(config)), images)
        if chosen.compile:
            compiled = Describer.load(config, compiled=True)
            systems[f"{precision} compiled"] = taking_turns(describing(compiled), images)
    times = interleaved(systems, chosen.images)
    show(
        {
            "threads": chosen.threads,
            "an image": rounded(times),
            "ratio": {name: ratio(times, "obvious script", name) for name in times if name != "obvious script"},
        }
    )


def describing(describer: Describer) -> Callable[[bytes], object]:
    return lambda image: describer([image])


def taking_turns(describe: Callable[[bytes], object], images: list[bytes]) -> Callable[[], object]:
    """Describes another image each time."""
    turns = cycle(images)
    return lambda: describe(next(turns))


if __name__ == "__main__":
    main()
