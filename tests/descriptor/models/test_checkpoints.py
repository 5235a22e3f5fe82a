"""Finding a network in a checkpoint: every wrapping, the preferred copy, what is ignored and what does not fit."""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from osrmac.descriptor.models.checkpoints import PREFERRED, Fit, StateDict, fit, flatten, is_counter, remarks
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
NEEDED = {name: tensor for name, tensor in STATE.items() if name.startswith(("conv1", "bn1", "layer1"))}
NEEDED.pop("bn1.num_batches_tracked")
NUMBERED = {"conv1": "0", "bn1": "1", "layer1": "3", "layer2": "4", "fc": "5"}


def below(prefix: str, state: StateDict = STATE) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def numbered(state: StateDict) -> dict[str, Tensor]:
    parts = {name: name.partition(".") for name in state}
    return {f"{NUMBERED[layer]}.{rest}": state[name] for name, (layer, _, rest) in parts.items()}


def found_in(checkpoint: StateDict, needed: StateDict = NEEDED) -> Fit:
    return fit(checkpoint, needed, NETWORK, "the network")


def said_of(checkpoint: StateDict) -> tuple[str, ...]:
    found = found_in(checkpoint)
    return remarks(found, checkpoint, {found.names[name] for name in NEEDED}, STATE)


# Nested mappings


def test_nested_tensors_are_named_by_the_keys_that_lead_to_them() -> None:
    a, b, c = torch.zeros(1), torch.zeros(2), torch.zeros(3)

    flat = flatten({"a": a, "model": {"b.weight": b, "deeper": {0: c}}, "epoch": 3, "losses": [a], "none": None})

    assert list(flat) == ["a", "model.b.weight", "model.deeper.0"]
    assert (flat["a"], flat["model.b.weight"], flat["model.deeper.0"]) == (a, b, c)


@pytest.mark.parametrize("content", [None, 3, torch.zeros(1), [torch.zeros(1)], {}, {"model": {}}, {"epoch": 3}])
def test_what_is_no_mapping_to_tensors_gives_none(content: object) -> None:
    assert flatten(content) == {}


def test_counters_are_told_by_their_name() -> None:
    assert [name for name in STATE if is_counter(name)] == ["bn1.num_batches_tracked"]


# Prefixes and numbers


@pytest.mark.parametrize("prefix", ["", "module.", "model.module._orig_mod.backbone.", "its.own.word."])
@pytest.mark.parametrize("rename", [dict, numbered], ids=["named", "numbered"])
def test_the_network_is_found_below_any_prefix(prefix: str, rename: type[dict[str, Tensor]]) -> None:
    checkpoint = below(prefix, rename(STATE))

    found = found_in(checkpoint)

    assert found.prefix == prefix.removesuffix(".")
    assert found.others == ()
    assert all(checkpoint[found.names[name]] is STATE[name] for name in STATE)


def test_a_head_of_any_size_is_found_with_the_network() -> None:
    checkpoint = below("module.", {**STATE, "fc.weight": torch.zeros(100, 4)})

    assert found_in(checkpoint).names["fc.weight"] == "module.fc.weight"


def test_numbers_of_layers_are_not_taken_for_numbers_inside_them() -> None:
    """The layers 0 and 1 of `layer1` look like `conv1` and `bn1` by number."""
    checkpoint = below("", numbered(NEEDED))

    assert found_in(checkpoint).names["conv1.weight"] == "0.weight"
    assert found_in(checkpoint).names["layer1.0.weight"] == "3.0.weight"


def test_layers_that_are_called_by_their_number_are_found_once() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1))

    assert fit(network.state_dict(), network.state_dict(), network, "it").others == ()


# Several copies


@pytest.mark.parametrize(("first", "second"), list(pairwise([*PREFERRED, "student"])))
def test_the_preferred_copy_is_taken_wherever_it_stands(first: str, second: str) -> None:
    for order in ((first, second), (second, first)):
        checkpoint = {name: tensor for key in order for name, tensor in below(f"{key}.").items()}
        found = found_in(checkpoint)
        assert (found.prefix, found.others) == (first, (second,))
        assert said_of(checkpoint)[0] == f"took {first}.* of the checkpoint, where {second}.* would have fitted, too"


def test_a_preferred_copy_that_does_not_fit_is_left() -> None:
    misfit = {**STATE, "conv1.weight": torch.zeros(4, 1, 1, 1)}
    deeper = {**STATE, "layer1.2.weight": torch.zeros(4)}

    for other in (misfit, deeper):
        found = found_in(below("ema.", other) | below("model."))
        assert (found.prefix, found.others) == ("model", ())


def test_unknown_copies_are_taken_in_the_order_of_the_file() -> None:
    found = found_in(below("state_dict.online.") | below("state_dict.target."))

    assert (found.prefix, found.others) == ("state_dict.online", ("state_dict.target",))


def test_the_copy_without_a_prefix_comes_first() -> None:
    checkpoint = below("ema.") | below("")

    assert found_in(checkpoint).prefix == ""
    assert said_of(checkpoint)[0] == "took * of the checkpoint, where ema.* would have fitted, too"


# What is ignored


def test_nothing_is_said_of_a_checkpoint_of_the_network_alone() -> None:
    assert said_of(below("state_dict.module.")) == ()


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
def test_what_is_ignored_is_counted_and_named_where_it_leaves_the_network(extra: Mapping[str, int], line: str) -> None:
    assert said_of(below("model.") | {name: torch.zeros(size) for name, size in extra.items()}) == (line,)


def test_a_head_of_another_size_that_is_not_used_is_ignored() -> None:
    checkpoint = {**STATE, "fc.weight": torch.zeros(100, 4), "fc.bias": torch.zeros(100)}

    assert said_of(checkpoint) == ("ignored 2 tensors of the checkpoint: fc.*",)


# What does not fit


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
            below("m.", {**STATE, "conv1.weight": torch.zeros(4, 1, 1, 1), "bn1.bias": torch.zeros(5)}),
            "2 of its parameters have another shape, first conv1.weight, (4, 1, 1, 1) for (4, 3, 1, 1)",
        ),
        (
            below("features.", numbered({**STATE, "layer1.2.weight": torch.zeros(4, 4, 1, 1)})),
            "they have parameters that it has not, 1 in all, first layer1.2.weight, "
            "which looks like another architecture",
        ),
    ],
    ids=["empty", "another", "nearly nothing", "missing", "shape", "deeper"],
)
def test_what_does_not_fit_is_refused_with_the_first_reason(checkpoint: StateDict, line: str) -> None:
    with pytest.raises(WeightsError) as refusal:
        found_in(checkpoint)

    assert str(refusal.value) == f"the weights do not fit the network: {line}"


def test_parameters_behind_the_needed_ones_may_be_missing_or_other_ones() -> None:
    found_in(NEEDED)
    found_in({**NEEDED, "layer2.0.weight": torch.zeros(9), "layer2.5.weight": torch.zeros(9)})


def test_the_network_may_go_on_where_the_needed_ones_end() -> None:
    found_in(STATE, {name: tensor for name, tensor in NEEDED.items() if not name.startswith("layer1.1.")})


def test_counters_that_the_network_has_not_are_no_sign_of_another_one() -> None:
    found_in({**NEEDED, "layer1.0.num_batches_tracked": torch.tensor(0)})


def test_half_a_network_here_and_half_there_is_no_network() -> None:
    names = list(NEEDED)
    halves = {f"{'a' if number % 2 else 'b'}.{name}": NEEDED[name] for number, name in enumerate(names)}

    with pytest.raises(WeightsError, match=r"5 of 10 parameters are missing"):
        found_in(halves)
