"""Runs with weights from a checkpoint: the remarks on it, the record, and which runs accept it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from osrmac.commands.extract import extract
from osrmac.config import ComputeConfig, DescriptorConfig
from osrmac.descriptor.models.backbones import load_weights
from osrmac.errors import StorageError
from osrmac.storage.run import Run

pytestmark = pytest.mark.integration


def test_a_run_is_continued_with_the_same_weights_in_another_checkpoint(
    run: Run, photos: Path, small: DescriptorConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = load_weights("resnet18", "random:0").state
    wrapped = {f"module.backbone.{name}": tensor for name, tensor in state.items()} | {"module.pool.p": torch.ones(1)}
    torch.save({"epoch": 3, "state_dict": wrapped}, tmp_path / "tuned.pth")

    done = extract(str(photos), run.url, replace(small, weights=str(tmp_path / "tuned.pth")))

    remark = "ignored 1 tensor of the checkpoint: state_dict.module.pool.*"
    assert (done.new, done.described) == (0, 26)
    assert capfd.readouterr().err == f"{remark}\n"
    assert run.record()["weights"] == f"{tmp_path / 'tuned.pth'}; {remark}"


def test_images_are_described_with_the_weights_of_a_checkpoint(
    photos: Path, small: DescriptorConfig, one_worker: ComputeConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = load_weights("resnet18", "random:1").state
    torch.save({"model": state, "backup": state, "optimizer": {"state": {0: state}}}, tmp_path / "tuned.pth")
    config = replace(small, weights=str(tmp_path / "tuned.pth"))

    done = extract(str(photos / "odd"), str(tmp_path / "run"), config, one_worker)

    assert (done.described, done.failed, done.new) == (10, 0, 10)
    assert capfd.readouterr().err.count("would fit, too") == 1


def test_other_weights_under_the_same_name_are_refused(run: Run, photos: Path, small: DescriptorConfig) -> None:
    with pytest.raises(StorageError, match=r"weights is [0-9a-f]{64} there and [0-9a-f]{64} here"):
        extract(str(photos), run.url, replace(small, weights="random:1"))
