"""How much faster is `Describer` than the script people write first? Both in one process, interleaved, medians.

The obvious script: torchvision's ResNet50 in its default memory layout, hooks on two layers, one image at a time.
Random weights serve, since time does not depend on them. Prints JSON.
"""

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.nn import functional

from osrmac.config import DescriptorConfig
from osrmac.descriptor.describer import Describer

SCALES = (1050, 800, 550)


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


def photograph(seed: int, width: int = 1024, height: int = 768) -> bytes:
    """A JPEG with structure at every scale: noise of growing blur, added up."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3))
    for octave in range(2, 8):
        coarse = Image.fromarray(rng.integers(0, 256, (2**octave, 2**octave, 3), dtype=np.uint8))
        pixels += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float) / 6
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def seconds(describe: Callable[[bytes], object], image: bytes) -> float:
    started = time.perf_counter()
    describe(image)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    describer = Describer.load(DescriptorConfig(weights="random:0", scales=SCALES))
    systems: dict[str, Callable[[bytes], object]] = {
        "obvious script": obvious_script(),
        "Describer": lambda image: describer([image]),
    }
    times: dict[str, list[float]] = {name: [] for name in systems}
    for number in range(options.images + 1):
        image = photograph(number)
        for name, describe in systems.items():
            taken = seconds(describe, image)
            if number:  # the first image pays for allocations
                times[name].append(taken)
    medians = {name: statistics.median(values) for name, values in times.items()}
    result = {
        "threads": options.threads,
        "seconds an image": {name: round(value, 3) for name, value in medians.items()},
        "ratio": round(medians["obvious script"] / medians["Describer"], 2),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
