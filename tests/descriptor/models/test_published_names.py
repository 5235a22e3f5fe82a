"""Checkpoints under the names of their publishers, made from random weights by inverting timm's conversions."""

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

from osrmac.descriptor.models.backbones import build, load_weights
from osrmac.errors import WeightsError
from tests.descriptor.models.networks import prefixed

State = dict[str, Tensor]

SMALL, ATTENTION_POOLED = "timm:test_vit", "timm:test_vit3"
DINOV2 = "timm:vit_small_patch14_reg4_dinov2"
DINOV3 = "timm:vit_tiny_patch16_dinov3_qkvb"
PE = "timm:vit_pe_core_tiny_patch16_384"
CLIP = "timm:vit_xsmall_patch16_clip_224"

_CLIP_NAMES = (
    ("patch_embed.proj", "conv1"),
    ("pos_embed", "positional_embedding"),
    ("norm_pre", "ln_pre"),
    ("norm1", "ln_1"),
    ("norm2", "ln_2"),
    ("norm.", "ln_post."),
    ("blocks.", "transformer.resblocks."),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
    ("attn.proj", "attn.out_proj"),
    ("attn.qkv.", "attn.in_proj_"),
)


def random_state(name: str) -> State:
    """Random weights without zeros, so that none is taken for another."""
    generator = torch.Generator().manual_seed(0)
    created = load_weights(name, "random:0").state
    return {key: value + 0.1 * torch.randn(value.shape, generator=generator) for key, value in created.items()}


def loaded(name: str, published: Mapping[str, object], folder: Path) -> State:
    """The tensors of the backbone that a file of these tensors gives, by the names of timm."""
    torch.save(published, folder / "published.pth")
    weights = load_weights(name, str(folder / "published.pth"))
    backbone = build(name, (), weights.state, embedding=True)
    return {key: weights.state[stored] for key, stored in backbone.checkpoint_names.items()}


def assert_is_loaded(name: str, expected: State, published: Mapping[str, object], folder: Path) -> None:
    actual = loaded(name, published, folder)
    unused = expected.keys() - actual.keys()
    assert all(key.startswith("head.") for key in unused)
    for key, tensor in actual.items():
        torch.testing.assert_close(tensor, expected[key])


def renamed(state: State, names: tuple[tuple[str, str], ...]) -> State:
    def published(name: str) -> str:
        return reduce(lambda renamed, pair: renamed.replace(*pair), names, name)

    return {published(name): tensor for name, tensor in state.items()}


def as_openai(state: State) -> State:
    """The names of OpenAI's CLIP below `visual.`, with a text tower beside it."""
    inner = {name: tensor for name, tensor in state.items() if not name.startswith("head.")}
    inner["cls_token"], inner["pos_embed"] = inner["cls_token"][0, 0], inner["pos_embed"][0]
    published = {name.replace("cls_token", "class_embedding"): tensor for name, tensor in inner.items()}
    others = {"visual.proj": state["head.weight"].T} if "head.weight" in state else {}
    others |= {"logit_scale": torch.ones(()), "transformer.resblocks.0.ln_1.weight": torch.ones(4)}
    return prefixed("visual.", renamed(published, _CLIP_NAMES)) | others


def as_perception_encoder(state: State) -> State:
    inner = {name: tensor for name, tensor in state.items() if not name.startswith("attn_pool.")}
    pool = {name.removeprefix("attn_pool."): state[name] for name in state if name.startswith("attn_pool.")}
    published = as_openai(inner)
    parts = {"probe": pool["latent"]}
    for kind in ("weight", "bias"):
        parts[f"attn.in_proj_{kind}"] = torch.cat([pool[f"q.{kind}"], pool[f"kv.{kind}"]])
        parts[f"attn.out_proj.{kind}"] = pool[f"proj.{kind}"]
        parts[f"layernorm.{kind}"] = pool[f"norm.{kind}"]
        parts[f"mlp.c_fc.{kind}"], parts[f"mlp.c_proj.{kind}"] = pool[f"mlp.fc1.{kind}"], pool[f"mlp.fc2.{kind}"]
    return published | prefixed("visual.attn_pool.", parts)


def as_dinov2(state: State) -> State:
    """DINOv2 with registers adds a position embedding to its class token, which timm adds beforehand."""
    published = renamed(state, (("reg_token", "register_tokens"),))
    of_class = torch.full_like(published["cls_token"], 0.25)
    published["cls_token"] = published["cls_token"] - of_class
    published["pos_embed"] = torch.cat([of_class, published["pos_embed"]], dim=1)
    return published | {"mask_token": torch.zeros(1, 384)}


def as_dinov3(state: State) -> State:
    names = (("reg_token", "storage_tokens"), ("gamma_1", "ls1.gamma"), ("gamma_2", "ls2.gamma"))
    published = renamed(state, names)
    for block in range(12):
        query, value = (published.pop(f"blocks.{block}.attn.{kind}_bias") for kind in "qv")
        published[f"blocks.{block}.attn.qkv.bias"] = torch.cat([query, torch.zeros_like(query), value])
        published[f"blocks.{block}.attn.qkv.bias_mask"] = torch.ones(3 * len(query))
    return published | {"mask_token": torch.zeros(1, 192), "rope_embed.periods": torch.ones(16)}


def test_dinov2(tmp_path: Path) -> None:
    state = random_state(DINOV2)

    assert_is_loaded(DINOV2, state, {"teacher": prefixed("backbone.", as_dinov2(state))}, tmp_path)


def test_dinov3(tmp_path: Path) -> None:
    state = random_state(DINOV3)

    assert_is_loaded(DINOV3, state, as_dinov3(state), tmp_path)


def test_openai_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = random_state(CLIP)
    published = {"state_dict": prefixed("module.", as_openai(state))}

    assert_is_loaded(CLIP, state, published, tmp_path)

    weights = load_weights(CLIP, str(tmp_path / "published.pth"))
    (remark,) = build(CLIP, (), weights.state).remarks
    assert remark.startswith("ignored 2 tensors of the checkpoint: ")
    assert "logit_scale" in remark
    assert capsys.readouterr().out == ""


def test_perception_encoder(tmp_path: Path) -> None:
    state = random_state(PE)

    assert_is_loaded(PE, state, as_perception_encoder(state), tmp_path)


def test_a_network_of_timm_in_open_clip_as_siglip_is_published(tmp_path: Path) -> None:
    state = random_state(ATTENTION_POOLED)
    published = prefixed("visual.trunk.", state) | {
        "text.transformer.weight": torch.ones(2),
        "logit_bias": torch.ones(1),
    }

    assert_is_loaded(ATTENTION_POOLED, state, published, tmp_path)


def test_several_copies_are_converted_and_the_preferred_one_is_loaded(tmp_path: Path) -> None:
    state = random_state(SMALL)
    other = {name: torch.zeros_like(tensor) for name, tensor in state.items()}

    assert_is_loaded(SMALL, state, {"model": other, "ema": state}, tmp_path)


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_position_embeddings_of_another_size_are_resampled_as_timm_does(prefix: str, tmp_path: Path) -> None:
    larger: Any = timm.create_model("test_vit", img_size=224)
    published = random_state(SMALL) | {"pos_embed": torch.randn(larger.pos_embed.shape)}
    expected: Any = timm.create_model("test_vit")
    converted = timm.models.vision_transformer.checkpoint_filter_fn(dict(published), expected)

    assert converted["pos_embed"].shape == expected.pos_embed.shape != larger.pos_embed.shape
    assert_is_loaded(SMALL, converted, prefixed(prefix, published), tmp_path)


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    torch.save(load_weights("timm:test_resnet", "random:0").state, tmp_path / "other.pth")

    with pytest.raises(WeightsError, match=rf"^the weights do not fit {PE}: [^\n]*another architecture$"):
        build(PE, (), load_weights(PE, str(tmp_path / "other.pth")).state)


def test_tensors_that_cannot_be_converted_are_refused_in_one_line(tmp_path: Path) -> None:
    torch.save(random_state(SMALL) | {"pos_embed": torch.ones(3)}, tmp_path / "odd.pth")

    with pytest.raises(WeightsError, match=rf"^the weights do not fit {SMALL}: [^\n]+$"):
        load_weights(SMALL, str(tmp_path / "odd.pth"))
