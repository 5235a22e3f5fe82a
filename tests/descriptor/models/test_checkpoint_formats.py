"""Checkpoints as training frameworks and published networks save them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from osrmac.descriptor.models.architectures import get_architecture
from osrmac.descriptor.models.backbones import Backbone, build, load_weights, used_weights
from osrmac.descriptor.models.weights import Weights
from tests.descriptor.models.networks import SMALL, built, headless, network, prefixed


def training(key: str, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The checkpoint of a training script: weights, epoch, score, and the state of the optimizer after a step."""
    parameter = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    parameter.grad = torch.ones(2)
    optimizer.step()
    return {"epoch": 3, "arch": "resnet50", key: state, "best": torch.tensor(0.5), "optimizer": optimizer.state_dict()}


CHECKPOINTS: dict[str, tuple[Callable[[nn.Module], object], tuple[str, ...]]] = {
    "alone": (lambda model: model.state_dict(), ()),
    "parameters": (lambda model: dict(model.named_parameters()) | dict(model.named_buffers()), ()),
    "parallel": (lambda model: nn.DataParallel(model).state_dict(), ()),
    "compiled": (lambda model: prefixed("_orig_mod.", model.state_dict()), ()),
    "averaged": (
        lambda model: torch.optim.swa_utils.AveragedModel(model).state_dict(),
        ("ignored 1 tensor of the checkpoint: n_averaged",),
    ),
    "training": (
        lambda model: training("state_dict", nn.DataParallel(model).state_dict()),
        ("ignored 2 tensors of the checkpoint: best, optimizer.*",),
    ),
    "several wrappings": (
        lambda model: {"model": {"net": prefixed("module._orig_mod.encoder.", model.state_dict())}},
        (),
    ),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_wrappings_of_a_checkpoint_do_not_matter(kind: str, tmp_path: Path) -> None:
    save, remarks = CHECKPOINTS[kind]
    torch.save(save(network()), tmp_path / "checkpoint.pth")
    plain = load_weights(SMALL, "random:0")

    weights = load_weights(SMALL, str(tmp_path / "checkpoint.pth"))
    backbone = build(SMALL, (), weights.state)

    assert backbone.remarks == remarks
    assert are_equal(backbone, built(SMALL))
    assert used_weights(backbone, weights).digest == used_weights(built(SMALL), plain).digest


def are_equal(one: Backbone, other: Backbone) -> bool:
    """Whether two backbones have the same parameters, bit for bit."""
    first, second = one.state_dict(), other.state_dict()
    return list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


def test_safetensors_files_give_the_same_weights(tmp_path: Path) -> None:
    safetensors.torch.save_file(prefixed("backbone.", network().state_dict()), tmp_path / "model.safetensors")

    weights = load_weights(SMALL, str(tmp_path / "model.safetensors"))
    backbone = build(SMALL, (), weights.state)

    assert are_equal(backbone, built(SMALL))
    assert used_weights(backbone, weights).digest == used_weights(built(SMALL), load_weights(SMALL, "random:0")).digest


@pytest.mark.parametrize(
    ("preferred", "other"),
    [("teacher", "student"), ("state_dict_ema", "state_dict"), ("model_ema", "model"), ("model", "backup")],
)
def test_of_two_copies_the_preferred_one_is_loaded(preferred: str, other: str, tmp_path: Path) -> None:
    student = prefixed("backbone.", load_weights(SMALL, "random:1").state)
    torch.save({other: student, preferred: prefixed("backbone.", network().state_dict())}, tmp_path / "both.pth")

    backbone = build(SMALL, (), load_weights(SMALL, str(tmp_path / "both.pth")).state)

    assert are_equal(backbone, built(SMALL))
    assert backbone.remarks == (
        f"loaded {preferred}.backbone.* of the checkpoint, though {other}.backbone.* would fit, too",
        f"ignored 77 tensors of the checkpoint: {other}.*",
    )


def test_of_momentum_contrast_the_query_encoder_is_loaded(tmp_path: Path) -> None:
    """MoCo v2 saves two encoders, with a projection in place of the classifier, and a queue."""
    projection = {f"fc.{layer}.{part}": torch.ones(2, 2) for layer in (0, 2) for part in ("weight", "bias")}
    key = headless(load_weights(SMALL, "random:1").state) | projection
    query = headless(network().state_dict()) | projection
    encoders = prefixed("module.encoder_k.", key) | prefixed("module.encoder_q.", query)
    torch.save(training("state_dict", {"module.queue": torch.zeros(2, 9)} | encoders), tmp_path / "moco.pth.tar")

    backbone = build(SMALL, (), load_weights(SMALL, str(tmp_path / "moco.pth.tar")).state)

    assert (backbone.trunk.state_dict().keys(), backbone.classifier) == (built(SMALL).trunk.state_dict().keys(), None)
    assert torch.equal(backbone.trunk.state_dict()["layer4.0.conv1.weight"], query["layer4.0.conv1.weight"])
    loaded, ignored = backbone.remarks
    assert loaded.startswith(
        "loaded state_dict.module.encoder_q.* of the checkpoint, though state_dict.module.encoder_k.*"
    )
    assert ignored.endswith(
        ": state_dict.module.queue, state_dict.module.encoder_k.*, state_dict.module.encoder_q.fc.*, best, optimizer.*"
    )


@torch.inference_mode()
@pytest.mark.parametrize("prefix", ["features.", "backbone.", ""])
def test_layers_may_be_numbered(prefix: str, resnet18: Weights, tmp_path: Path) -> None:
    """cnnimageretrieval-pytorch and CosPlace save a Sequential of all layers but the last two."""
    complete = get_architecture("resnet18").create()
    complete.load_state_dict(dict(resnet18.state))
    features = nn.Sequential(*list(complete.children())[:-2])
    head = {"pool.p": torch.full((1,), 3.0), "whiten.weight": torch.eye(512), "whiten.bias": torch.zeros(512)}
    checkpoint = {"meta": {"architecture": "resnet18", "mean": [0.5]}, "state_dict": {}, "epoch": 5}
    checkpoint["state_dict"] = prefixed(prefix, features.state_dict()) | head
    torch.save(checkpoint, tmp_path / "net.pth")
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    backbone = build("resnet18", (), load_weights("resnet18", str(tmp_path / "net.pth")).state)

    assert backbone.remarks == ("ignored 3 tensors of the checkpoint: state_dict.pool.*, state_dict.whiten.*",)
    maps = backbone.eval()(pixels)
    features.eval()
    torch.testing.assert_close(maps[0], features((pixels - backbone.mean) / backbone.std))
    assert maps[1].shape[1] == 256


def test_used_weights_suffice_to_build_the_backbone_again(tmp_path: Path) -> None:
    torch.save(training("model", prefixed("module.", network().state_dict())), tmp_path / "checkpoint.pth")
    weights = load_weights(SMALL, str(tmp_path / "checkpoint.pth"))

    used = used_weights(build(SMALL, (), weights.state), weights)

    assert used.source == str(tmp_path / "checkpoint.pth")
    assert used.remarks == ("ignored 2 tensors of the checkpoint: best, optimizer.*",)
    assert set(used.state) == {name for name in network().state_dict() if not name.endswith("num_batches_tracked")}
    rebuilt = build(SMALL, (), used.state)
    assert are_equal(rebuilt, built(SMALL))
    assert rebuilt.remarks == ()
