"""Vision transformers: maps and embeddings against timm's own functions, at any image size."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import timm
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.nn import functional

from osrmac.config import DescriptorConfig, Precision
from osrmac.descriptor.cam_figure import draw_cam
from osrmac.descriptor.describer import Describer, Description
from osrmac.descriptor.models.architectures import get_architecture
from osrmac.descriptor.models.backbones import Backbone, build, load_weights, used_weights
from osrmac.descriptor.models.transformers import default_layers
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.optimize.compile import CompiledTrunk, compile_for_gpu
from osrmac.descriptor.pooling import osrmac
from osrmac.descriptor.recipes import RECIPES
from osrmac.errors import ConfigError
from tests.pictures import encoded, textured

SMALL = "timm:test_vit"
"""A transformer of six blocks with a class token, in patches of 16 pixels."""

ATTENTION_POOLED, AVERAGED = "timm:test_vit3", "timm:test_vit2"
DINOV2 = "timm:vit_small_patch14_reg4_dinov2"
DINOV3 = "timm:vit_tiny_patch16_dinov3_qkvb"
PE = "timm:vit_pe_core_tiny_patch16_384"


@cache
def state(name: str) -> dict[str, Tensor]:
    """Random weights without zeros, so that every parameter matters: layer scales are tiny as they are created."""
    generator = torch.Generator().manual_seed(0)
    created = load_weights(name, "random:0").state
    return {key: value + 0.1 * torch.randn(value.shape, generator=generator) for key, value in created.items()}


@cache
def backbone(name: str, *layers: str, embedding: bool = True) -> Backbone:
    return build(name, layers, state(name), embedding=embedding)


def network(name: str, **options: Any) -> Any:
    """timm's own network, built without osrmac."""
    created = timm.create_model(name.removeprefix("timm:"), **options).eval()
    created.load_state_dict(state(name))
    return created


def pixels(height: int, width: int, images: int = 1) -> Tensor:
    return torch.rand(images, 3, height, width, generator=torch.Generator().manual_seed(1))


def normalised(of: Backbone, images: Tensor) -> Tensor:
    return (images - of.mean) / of.std


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [
        (SMALL, 224, 224),
        (SMALL, 96, 272),
        (ATTENTION_POOLED, 240, 144),
        (AVERAGED, 160, 160),
        pytest.param(DINOV2, 518, 518, marks=pytest.mark.integration),
        (DINOV2, 126, 210),
        (DINOV3, 224, 160),
        (PE, 160, 224),
    ],
)
@torch.inference_mode()
def test_maps_and_embedding_are_those_of_timm(name: str, height: int, width: int) -> None:
    ours, images = backbone(name), pixels(height, width)
    options = {"dynamic_img_size": True} | ({"global_pool": "token"} if name == DINOV3 else {})
    theirs = network(name, **options)

    last, previous, embedding = ours(images)

    two_thirds = round(2 * len(theirs.blocks) / 3) - 1
    tokens, (expected,) = theirs.forward_intermediates(normalised(ours, images), [two_thirds], norm=True)
    rows, columns = height // ours.patch, width // ours.patch
    assert tuple(last.shape) == tuple(previous.shape) == (1, ours.channels[0], rows, columns)
    assert torch.equal(last.flatten(2).mT, tokens[:, theirs.num_prefix_tokens :])
    assert torch.equal(previous, expected)
    assert torch.equal(embedding, theirs.forward_head(tokens, pre_logits=True))


@torch.inference_mode()
def test_position_embeddings_are_resampled_as_timm_resamples_them_for_another_size() -> None:
    """A network that timm builds for one size, whose position embeddings its loader resamples."""
    fixed: Any = timm.create_model("test_vit", img_size=(96, 272)).eval()
    fixed.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(dict(state(SMALL)), fixed))
    images = pixels(96, 272, images=2)

    last, _, embedding = backbone(SMALL)(images)

    tokens = fixed.forward_features(normalised(backbone(SMALL), images))
    torch.testing.assert_close(last.flatten(2).mT, tokens[:, 1:])
    torch.testing.assert_close(embedding, fixed.forward_head(tokens, pre_logits=True))


def test_default_layers_are_the_last_block_and_that_at_two_thirds() -> None:
    assert default_layers(12) == ("blocks.11", "blocks.7")
    assert backbone(SMALL).layers == ("blocks.5", "blocks.3")
    assert get_architecture("timm:vit_giant_patch14_dinov2").layers == ("blocks.39", "blocks.26")


@torch.inference_mode()
def test_layers_are_read_in_the_given_order_without_the_blocks_after_them() -> None:
    chosen, images = backbone(SMALL, "blocks.1", "blocks.3", "blocks.0", embedding=False), pixels(64, 80)

    maps = chosen(images)

    theirs = network(SMALL, dynamic_img_size=True)
    expected = theirs.forward_intermediates(normalised(chosen, images), [0, 1, 3], norm=True, intermediates_only=True)
    assert [torch.equal(ours, expected[at]) for ours, at in zip(maps, (1, 2, 0), strict=True)] == [True] * 3
    assert not any(name.startswith(("blocks.4", "blocks.5", "head")) for name in chosen.checkpoint_names)
    assert (chosen.embedding_length, chosen.classifier) == (None, None)


@torch.inference_mode()
def test_the_embedding_is_that_of_the_last_block_whatever_layers_are_read() -> None:
    first, images = backbone(SMALL, "blocks.0"), pixels(64, 64)

    assert torch.equal(first(images)[-1], backbone(SMALL)(images)[-1])


@pytest.mark.parametrize("layers", [("blocks.6",), ("block.5",), ("blocks.5", "norm"), ("blocks.-1",)])
def test_an_unknown_block_is_refused_with_the_default_ones(layers: tuple[str, ...]) -> None:
    line = rf"^{SMALL} has no layers {' '.join(layers)}: its default layers are blocks\.5 blocks\.3$"
    with pytest.raises(ConfigError, match=line):
        build(SMALL, layers, state(SMALL))


@pytest.mark.parametrize("name", [SMALL, ATTENTION_POOLED])
def test_used_weights_suffice_to_build_the_backbone_again(name: str) -> None:
    first = backbone(name)
    used = used_weights(first, Weights(state(name), "all"))

    again = build(name, first.layers, used.state, embedding=True)

    assert "head.weight" not in used.state
    with torch.inference_mode():
        for ours, theirs in zip(first(pixels(48, 64)), again(pixels(48, 64)), strict=True):
            assert torch.equal(ours, theirs)


def test_the_head_of_attention_pooling_is_needed_for_the_embedding_alone() -> None:
    def pooling(embedding: bool) -> bool:
        return any("attn_pool" in name for name in backbone(ATTENTION_POOLED, embedding=embedding).checkpoint_names)

    assert (pooling(True), pooling(False)) == (True, False)


def test_dinov3_as_a_convolutional_network() -> None:
    convnext = build("timm:test_convnext", (), load_weights("timm:test_convnext", "random:0").state, embedding=True)
    architecture = get_architecture("timm:convnext_tiny.dinov3_lvd1689m")

    assert (architecture.layers, architecture.head) == (("stages.3", "stages.2"), "head.fc")
    theirs: Any = timm.create_model("test_convnext").eval()
    theirs.load_state_dict(load_weights("timm:test_convnext", "random:0").state)
    with torch.inference_mode():
        images = pixels(96, 64)
        features = theirs.forward_features(normalised(convnext, images))
        torch.testing.assert_close(convnext(images)[-1], theirs.forward_head(features, pre_logits=True))


# Descriptions

CONFIG = DescriptorConfig(backbone=SMALL, weights="random:0", recipes=("osrmac", "global"), image_sizes=(80, 64, 32))


@pytest.fixture(scope="module")
def describer() -> Describer:
    return Describer.load(CONFIG)


@torch.inference_mode()
def test_global_is_the_embedding_at_the_middle_size(describer: Describer) -> None:
    """The image has the ratio of 64 x 48 pixels, of which both are multiples of the patch."""
    image = textured(64, 48)
    theirs: Any = timm.create_model("test_vit", dynamic_img_size=True).eval()
    theirs.load_state_dict(load_weights(SMALL, "random:0").state)

    vector = describer.vectors(image)["global"]

    images = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    tokens = theirs.forward_features(normalised(describer.backbone, images))
    expected = functional.normalize(theirs.forward_head(tokens, pre_logits=True), dim=-1)[0]
    torch.testing.assert_close(torch.from_numpy(vector), expected)


def test_negative_tokens_count_as_zero(describer: Describer) -> None:
    maps = describer.feature_maps(textured())
    positive = [of_size[0].clamp(min=0) for of_size in maps]
    config = DescriptorConfig(backbone=SMALL, weights="random:0", recipes=("single",), image_sizes=CONFIG.image_sizes)

    vector = Describer.load(config).vectors(textured())["single"]

    assert min(float(of_size[0].min()) for of_size in maps) < 0
    torch.testing.assert_close(torch.from_numpy(vector), osrmac(positive[1]))


@settings(max_examples=12)
@given(width=st.integers(1, 400), height=st.integers(1, 400))
@example(width=1, height=400)
@example(width=400, height=1)
@example(width=1, height=1)
def test_no_image_size_is_refused(describer: Describer, width: int, height: int) -> None:
    (result,) = describer([encoded(Image.new("RGB", (width, height), (200, 90, 10)))])

    assert isinstance(result, Description)
    assert {name: len(vector) for name, vector in result.vectors.items()} == {"osrmac": 128, "global": 64}


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_reduced_precision_agrees_with_fp32_up_to_rounding(precision: Precision) -> None:
    """The angles of rotary position embeddings must keep fp32: those of some tokens are hundreds of radians."""
    config = DescriptorConfig(backbone=DINOV3, recipes=("osrmac", "global"), image_sizes=(96, 64))

    exact, rounded = (
        Describer(build(DINOV3, (), state(DINOV3), embedding=True), of).vectors(textured())
        for of in (config, replace(config, precision=precision))
    )

    for recipe, vector in exact.items():
        norm = float((vector**2).sum())
        assert float(vector @ rounded[recipe]) > 0.999 * norm


def test_recipes_with_a_mask_and_the_picture_of_it_are_refused(describer: Describer) -> None:
    with pytest.raises(ConfigError, match=r"^recipe 'osrmac_local' needs a classifier of the last layer"):
        Describer.load(DescriptorConfig(backbone=SMALL, weights="random:0", recipes=("osrmac_local",)))
    with pytest.raises(ConfigError, match=r"^a class activation map needs a classifier"):
        draw_cam(describer, textured())


def test_every_other_recipe_is_computed() -> None:
    recipes = tuple(name for name in RECIPES if name != "osrmac_local")
    config = DescriptorConfig(backbone=SMALL, weights="random:0", recipes=recipes, image_sizes=(64, 48))

    assert Describer.load(config).vectors(textured()).keys() == set(recipes)


@pytest.mark.integration
@torch.inference_mode()
def test_compiled_transformers_give_equal_results() -> None:
    plain = build(SMALL, ("blocks.1", "blocks.0"), state(SMALL))
    on_cpu, on_gpu = CompiledTrunk(plain.trunk, (60,), plain.patch), compile_for_gpu(plain)

    assert (48, 64) in on_cpu.shapes
    compiled = on_cpu(normalised(plain, pixels(48, 64)))
    for name, expected in zip(plain.layers, plain(pixels(48, 64)), strict=True):
        torch.testing.assert_close(compiled[name], expected, rtol=1e-4, atol=1e-4)
    for height, width in ((128, 160), (176, 144)):
        batch = (pixels(height, width, images=2) * 255).byte()
        for ours, expected in zip(on_gpu(batch), plain.from_bytes(batch), strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
