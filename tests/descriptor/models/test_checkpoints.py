"""Matching parameters with a checkpoint: prefixes, numbered layers, several copies, remarks and refusals."""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from osrmac.descriptor.models.checkpoints import (
    PREFERRED_KEYS,
    ParameterMatch,
    StateDict,
    flatten,
    is_batch_counter,
    match,
    remarks,
)
from osrmac.errors import WeightsError

NETWORK = nn.Sequential(
    OrderedDict(
        conv1=nn.Conv2d(3, 4, 1),
        bn1=nn.BatchNorm2d(4),
        relu=nn.ReLU(),
        layer1=nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)),
        layer2=nn.Sequential(nn.Conv2d(4, 4, 1)),
        fc=nn.Linear(4, 2),
    )
)
STATE: StateDict = NETWORK.state_dict()
LAYERS = [name for name, _ in NETWORK.named_children()]
NEEDED = {name: tensor for name, tensor in STATE.items() if name.startswith(("conv1", "bn1", "layer1"))}
NEEDED.pop("bn1.num_batches_tracked")
NUMBERED = {"conv1": "0", "bn1": "1", "layer1": "3", "layer2": "4", "fc": "5"}


def with_prefix(prefix: str, state: StateDict = STATE) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def numbered(state: StateDict) -> dict[str, Tensor]:
    parts = {name: name.partition(".") for name in state}
    return {f"{NUMBERED[layer]}.{rest}": state[name] for name, (layer, _, rest) in parts.items()}


def match_in(checkpoint: StateDict, needed: StateDict = NEEDED) -> ParameterMatch:
    return match(checkpoint, needed, STATE, LAYERS, "the network")


def remarks_on(checkpoint: StateDict) -> tuple[str, ...]:
    matched = match_in(checkpoint)
    return remarks(matched, checkpoint, {matched.names[name] for name in NEEDED}, STATE)


# Nested mappings


def test_flatten_joins_the_keys_of_nested_tensors() -> None:
    a, b, c = torch.zeros(1), torch.zeros(2), torch.zeros(3)

    flat = flatten({"a": a, "model": {"b.weight": b, "deeper": {0: c}}, "epoch": 3, "losses": [a], "none": None})

    assert list(flat) == ["a", "model.b.weight", "model.deeper.0"]
    assert (flat["a"], flat["model.b.weight"], flat["model.deeper.0"]) == (a, b, c)


@pytest.mark.parametrize("content", [None, 3, torch.zeros(1), [torch.zeros(1)], {}, {"model": {}}, {"epoch": 3}])
def test_flatten_ignores_other_values(content: object) -> None:
    assert flatten(content) == {}


def test_batch_counters_are_recognised_by_name() -> None:
    assert [name for name in STATE if is_batch_counter(name)] == ["bn1.num_batches_tracked"]


# Prefixes and numbers


@pytest.mark.parametrize("prefix", ["", "module.", "model.module._orig_mod.backbone.", "any.other.prefix."])
@pytest.mark.parametrize("rename", [dict, numbered], ids=["named", "numbered"])
def test_the_network_is_found_under_any_prefix(prefix: str, rename: type[dict[str, Tensor]]) -> None:
    checkpoint = with_prefix(prefix, rename(STATE))

    matched = match_in(checkpoint)

    assert matched.prefix == prefix.removesuffix(".")
    assert matched.alternatives == ()
    assert all(checkpoint[matched.names[name]] is STATE[name] for name in STATE)


def test_a_head_of_another_size_is_matched() -> None:
    checkpoint = with_prefix("module.", {**STATE, "fc.weight": torch.zeros(100, 4)})

    assert match_in(checkpoint).names["fc.weight"] == "module.fc.weight"


def test_numbered_layers_are_not_confused_with_numbers_inside_of_layers() -> None:
    """The numbers 0 and 1 inside of `layer1` are those of `conv1` and `bn1` in the network."""
    checkpoint = with_prefix("", numbered(NEEDED))

    assert match_in(checkpoint).names["conv1.weight"] == "0.weight"
    assert match_in(checkpoint).names["layer1.0.weight"] == "3.0.weight"


def test_layers_whose_names_are_numbers_are_matched_once() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1))

    assert match(network.state_dict(), network.state_dict(), network.state_dict(), ["0", "1"], "it").alternatives == ()


# Several copies


@pytest.mark.parametrize(("first", "second"), list(pairwise([*PREFERRED_KEYS, "student"])))
def test_the_preferred_copy_is_matched_in_any_order(first: str, second: str) -> None:
    for order in ((first, second), (second, first)):
        checkpoint = {name: tensor for key in order for name, tensor in with_prefix(f"{key}.").items()}
        matched = match_in(checkpoint)
        assert (matched.prefix, matched.alternatives) == (first, (second,))
        assert remarks_on(checkpoint)[0] == f"loaded {first}.* of the checkpoint, though {second}.* would fit, too"


def test_a_preferred_copy_that_does_not_fit_is_skipped() -> None:
    misfit = {**STATE, "conv1.weight": torch.zeros(4, 1, 1, 1)}
    deeper = {**STATE, "layer1.2.weight": torch.zeros(4)}

    for other in (misfit, deeper):
        matched = match_in(with_prefix("ema.", other) | with_prefix("model."))
        assert (matched.prefix, matched.alternatives) == ("model", ())


def test_of_unknown_copies_the_first_is_matched() -> None:
    matched = match_in(with_prefix("state_dict.online.") | with_prefix("state_dict.target."))

    assert (matched.prefix, matched.alternatives) == ("state_dict.online", ("state_dict.target",))


def test_the_copy_without_a_prefix_is_preferred() -> None:
    checkpoint = with_prefix("ema.") | with_prefix("")

    assert match_in(checkpoint).prefix == ""
    assert remarks_on(checkpoint)[0] == "loaded * of the checkpoint, though ema.* would fit, too"


# Remarks


def test_a_checkpoint_of_the_network_alone_gives_no_remarks() -> None:
    assert remarks_on(with_prefix("state_dict.module.")) == ()


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ({"model.p": 1}, "ignored 1 tensor of the checkpoint: model.p"),
        ({"model.whiten.weight": 1, "model.whiten.bias": 1}, "ignored 2 tensors of the checkpoint: model.whiten.*"),
        ({"queue": 1, "optimizer.state.0.step": 1}, "ignored 2 tensors of the checkpoint: queue, optimizer.*"),
        ({"model.head.num_batches_tracked": 1, "queue": 1}, "ignored 1 tensor of the checkpoint: queue"),
        ({f"t{n}": 1 for n in range(8)}, "ignored 8 tensors of the checkpoint: t0, t1, t2, t3, t4, t5, t6, t7"),
        (
            {f"t{n}": 1 for n in range(10)},
            "ignored 10 tensors of the checkpoint: t0, t1, t2, t3, t4, t5, t6, t7, 2 more",
        ),
    ],
    ids=["tensor", "layer", "beside", "counter", "eight", "many"],
)
def test_ignored_tensors_are_counted_and_grouped(extra: Mapping[str, int], line: str) -> None:
    assert remarks_on(with_prefix("model.") | {name: torch.zeros(size) for name, size in extra.items()}) == (line,)


def test_an_unused_head_of_another_size_is_reported_as_ignored() -> None:
    checkpoint = {**STATE, "fc.weight": torch.zeros(100, 4), "fc.bias": torch.zeros(100)}

    assert remarks_on(checkpoint) == ("ignored 2 tensors of the checkpoint: fc.*",)


# Refusals


@pytest.mark.parametrize(
    ("checkpoint", "line"),
    [
        ({}, "they have none of its parameters but none at all, which looks like another architecture"),
        (
            {"stem.kernel": torch.zeros(1)},
            "they have none of its parameters but stem.kernel, which looks like another architecture",
        ),
        (
            {"m.conv1.bias": torch.zeros(4)},
            "9 of 10 parameters are missing, first conv1.weight, which looks like another architecture",
        ),
        (
            {name: tensor for name, tensor in STATE.items() if not name.startswith("layer1.1.")},
            "2 of 10 parameters are missing, first layer1.1.weight",
        ),
        (
            with_prefix("m.", {**STATE, "conv1.weight": torch.zeros(4, 1, 1, 1), "bn1.bias": torch.zeros(5)}),
            "2 of its parameters have another shape, first conv1.weight: (4, 1, 1, 1) instead of (4, 3, 1, 1)",
        ),
        (
            with_prefix("features.", numbered({**STATE, "layer1.2.weight": torch.zeros(4, 4, 1, 1)})),
            "they have parameters that it lacks: 1, first layer1.2.weight, which looks like another architecture",
        ),
    ],
    ids=["empty", "another", "nearly nothing", "missing", "shape", "deeper"],
)
def test_a_mismatch_is_refused_with_its_reason(checkpoint: StateDict, line: str) -> None:
    with pytest.raises(WeightsError) as refusal:
        match_in(checkpoint)

    assert str(refusal.value) == f"the weights do not fit the network: {line}"


def test_parameters_after_the_needed_ones_may_be_missing_or_different() -> None:
    match_in(NEEDED)
    match_in({**NEEDED, "layer2.0.weight": torch.zeros(9), "layer2.5.weight": torch.zeros(9)})


def test_a_stage_may_be_needed_in_part() -> None:
    match_in(STATE, {name: tensor for name, tensor in NEEDED.items() if not name.startswith("layer1.1.")})


def test_additional_batch_counters_are_ignored() -> None:
    match_in({**NEEDED, "layer1.0.num_batches_tracked": torch.tensor(0)})


def test_parameters_under_two_prefixes_are_refused() -> None:
    names = list(NEEDED)
    halves = {f"{'a' if number % 2 else 'b'}.{name}": NEEDED[name] for number, name in enumerate(names)}

    with pytest.raises(WeightsError, match=r"5 of 10 parameters are missing"):
        match_in(halves)
