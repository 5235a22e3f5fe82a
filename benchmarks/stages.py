"""Where does the time of an image go, and how near is the network to what the machine can multiply?

The yardstick is a square matrix product in the same precision, in the same rounds. Prints JSON.
"""

from functools import partial
from typing import Literal

import torch
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measuring import add_backbone, descriptor, interleaved, parser, photograph, rounded, show
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.images import decode
from osrmac.descriptor.optimize import malloc
from osrmac.descriptor.recipes import FeatureMaps
from osrmac.descriptor.resize import image_pyramid

SIDE = 2048


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "resnet50", "random:0")
    options.add_argument("--precision", nargs="+", default=("fp32", "bf16"))
    options.add_argument("--size", type=int, nargs=2, default=(1024, 768))
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    malloc.retain()
    image = photograph(0, *chosen.size)
    results = {}
    for precision in chosen.precision:
        describer = Describer.load(descriptor(chosen, precision=precision))
        results[precision] = measure(describer, image, precision, chosen.rounds)
    show({"threads": chosen.threads, **results})


@torch.inference_mode()
def measure(describer: Describer, encoded: bytes, precision: Literal["fp32", "bf16"], rounds: int) -> dict[str, object]:
    scales = sorted(describer.config.image_sizes, reverse=True)
    decode_reduced = partial(
        decode, encoded, max_pixels=describer.config.max_pixels, min_longest_side=max(describer.config.image_sizes)
    )
    picture, _ = decode_reduced()
    pixels = [scaled[None].contiguous(memory_format=torch.channels_last) for scaled in image_pyramid(picture, scales)]
    maps = describer.feature_maps(picture)
    square = torch.rand(SIDE, SIDE).to(torch.float32 if precision == "fp32" else torch.bfloat16)
    times = interleaved(
        {
            "decode": decode_reduced,
            "resize": partial(image_pyramid, picture, scales),
            **{f"network {scale}": partial(network, describer, of) for scale, of in zip(scales, pixels, strict=True)},
            "fusion and pooling": partial(pool, describer, maps),
            "matrix product": partial(torch.mm, square, square),
        },
        rounds,
    )
    product = 2 * SIDE**3 / times.pop("matrix product")["processor"]
    total = sum(of["processor"] for of in times.values())
    work = {f"network {scale}": flops(describer, picture, scale) for scale in scales}
    spent = sum(times[name]["processor"] for name in work)
    return {
        "stages": rounded(times),
        "share of the time": {name: round(of["processor"] / total, 4) for name, of in times.items()},
        "network, GFLOP": round(sum(work.values()) / 1e9, 1),
        "network, GFLOP/s of a processor": round(sum(work.values()) / spent / 1e9, 1),
        "matrix product, GFLOP/s of a processor": round(product / 1e9, 1),
        "share of the matrix product": round(sum(work.values()) / spent / product, 3),
    }


def network(describer: Describer, pixels: Tensor) -> object:
    return describer.backbone(pixels.float().div(255))


def pool(describer: Describer, maps: list[list[Tensor]]) -> object:
    features = FeatureMaps(maps, describer.backbone.classifier)
    return [recipe.compute(features) for recipe in describer.recipes.values()]


@torch.inference_mode(mode=False)
def flops(describer: Describer, picture: Image.Image, scale: int) -> int:
    (pixels,) = image_pyramid(picture, [scale])
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(describer, pixels[None].to(describer.device))
    return int(counter.get_total_flops())


if __name__ == "__main__":
    main()
