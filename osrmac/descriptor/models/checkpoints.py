"""Where the parameters of a network stand in a checkpoint, however it wraps and names them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from torch import Tensor, nn

from osrmac.errors import WeightsError

__all__ = ["PREFERRED", "Fit", "StateDict", "fit", "flatten", "is_counter", "remarks"]

StateDict = Mapping[str, Tensor]

PREFERRED = (
    "state_dict_ema",
    "model_ema",
    "ema_model",
    "ema_state_dict",
    "ema",
    "teacher",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "encoder_q",
)
"""Which of several copies is taken: averages over the training come first, as it is they that are evaluated."""

_LISTED = 8
_OTHER = "which looks like another architecture"


@dataclass(frozen=True)
class Fit:
    """A part of a checkpoint that holds a network.

    Attributes:
        prefix: What stands before the network's own names, without the last dot.
        names: Of every tensor below the prefix, the network's name to the checkpoint's.
        others: Prefixes under which the network would have been found, too.
    """

    prefix: str
    names: Mapping[str, str]
    others: tuple[str, ...] = ()


def flatten(content: object) -> dict[str, Tensor]:
    """The tensors in nested mappings, the keys on the way to each joined by dots; whatever else is there is left out.

    >>> import torch
    >>> flatten({"epoch": 3, "model": {"bn.bias": torch.zeros(1)}})
    {'model.bn.bias': tensor([0.])}
    """
    if not isinstance(content, Mapping):
        return {}
    flat: dict[str, Tensor] = {}
    for key, value in content.items():
        if isinstance(value, Tensor):
            flat[str(key)] = value
        else:
            flat |= {f"{key}.{name}": tensor for name, tensor in flatten(value).items()}
    return flat


def is_counter(name: str) -> bool:
    """Whether a tensor counts the batches seen in training, which plays no part afterwards."""
    return name.endswith("num_batches_tracked")


def fit(checkpoint: StateDict, needed: StateDict, network: nn.Module, called: str) -> Fit:
    """Find a network's parameters under the prefix below which most of them stand.

    The layers of the network may go by their names or, as in an `nn.Sequential` of them, by their numbers.

    Args:
        checkpoint: See `flatten`.
        needed: Names and shapes that must be there.
        network: All of the network, which may have more than is needed.
        called: The network's name, for messages.

    Raises:
        WeightsError: Parameters are missing or have other shapes, or the checkpoint has more of them between those.
    """
    known = network.state_dict().keys() | needed.keys()
    best = _best(_readings(checkpoint, [name for name, _ in network.named_children()]), needed)
    misfits = [_misfit(reading, checkpoint, needed, known) for reading in best]
    fitting = [reading for reading, misfit in zip(best, misfits, strict=True) if misfit is None]
    if not fitting:
        raise WeightsError(f"the weights do not fit {called}: {misfits[0]}")
    return replace(fitting[0], others=tuple(other.prefix for other in fitting[1:]))


def _readings(checkpoint: Iterable[str], layers: Sequence[str]) -> list[Fit]:
    """Every way to divide the names into a prefix and a name within the network, good or bad."""
    numbered = {str(number): layer for number, layer in enumerate(layers) if str(number) != layer}
    named: defaultdict[str, dict[str, str]] = defaultdict(dict, {"": {}})
    counted: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name in checkpoint:
        words = name.split(".")
        for start, word in enumerate(words):
            prefix = ".".join(words[:start])
            named[prefix][".".join(words[start:])] = name
            if word in numbered:
                counted[prefix][".".join([numbered[word], *words[start + 1 :]])] = name
    return [Fit(prefix, names) for readings in (named, counted) for prefix, names in readings.items()]


def _best(readings: Sequence[Fit], needed: StateDict) -> list[Fit]:
    """The readings that give most of the parameters, the preferred one first."""
    there = [sum(name in needed for name in reading.names) for reading in readings]
    most = max(there)
    best = [reading for reading, number in zip(readings, there, strict=True) if number == most]
    return sorted(best, key=lambda reading: _preference(reading.prefix))


def _preference(prefix: str) -> list[int]:
    words = prefix.split(".") if prefix else []
    return [PREFERRED.index(word) if word in PREFERRED else len(PREFERRED) for word in words]


def _misfit(reading: Fit, checkpoint: StateDict, needed: StateDict, known: Collection[str]) -> str | None:
    """Why a reading does not give the network, or None if it does."""
    missing = [name for name in needed if name not in reading.names]
    if len(missing) == len(needed):
        return f"they have none of its parameters but {next(iter(checkpoint), 'none at all')}, {_OTHER}"
    if missing:
        hint = f", {_OTHER}" if 2 * len(missing) > len(needed) else ""
        return f"{len(missing)} of {len(needed)} parameters are missing, first {missing[0]}{hint}"
    found = {name: tuple(checkpoint[reading.names[name]].shape) for name in needed}
    reshaped = [name for name in needed if found[name] != needed[name].shape]
    if reshaped:
        first, wanted = reshaped[0], tuple(needed[reshaped[0]].shape)
        return f"{len(reshaped)} of its parameters have another shape, first {first}, {found[first]} for {wanted}"
    # What stands between the needed layers would change their maps, unlike a head behind them.
    trunk = {name.partition(".")[0] for name in needed}
    unknown = [name for name in reading.names if name not in known and not is_counter(name)]
    extra = [name for name in unknown if name.partition(".")[0] in trunk]
    if extra:
        return f"they have parameters that it has not, {len(extra)} in all, first {extra[0]}, {_OTHER}"
    return None


def remarks(found: Fit, checkpoint: StateDict, used: Collection[str], network: StateDict) -> tuple[str, ...]:
    """What a user should know of how a checkpoint was read, in a line each.

    Args:
        found: Where the network was found.
        checkpoint: Its tensors.
        used: Those that were loaded, as the checkpoint names them.
        network: All of the network; what is just not needed of it goes without saying.
    """
    lines = []
    if found.others:
        others = _listing([_below(prefix) for prefix in found.others])
        lines.append(f"took {_below(found.prefix)} of the checkpoint, where {others} would have fitted, too")
    spare = {
        theirs
        for name, theirs in found.names.items()
        if name in network and checkpoint[theirs].shape == network[name].shape
    }
    ignored = [name for name in checkpoint if name not in used and name not in spare and not is_counter(name)]
    if ignored:
        groups = dict.fromkeys(_group(name, found.prefix) for name in ignored)
        plural = "s" if len(ignored) > 1 else ""
        lines.append(f"ignored {len(ignored)} tensor{plural} of the checkpoint: {_listing(list(groups))}")
    return tuple(lines)


def _below(prefix: str) -> str:
    return f"{prefix}.*" if prefix else "*"


def _group(name: str, prefix: str) -> str:
    """The name down to where it leaves the prefix.

    >>> _group("model.head.0.weight", "model"), _group("model.p", "model.backbone")
    ('model.head.*', 'model.p')
    """
    words = name.split(".")
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(words, prefix.split("."), strict=False))
    depth = len(list(shared)) + 1
    return name if depth >= len(words) else _below(".".join(words[:depth]))


def _listing(names: Sequence[str]) -> str:
    more = [f"{len(names) - _LISTED} more"] if len(names) > _LISTED else []
    return ", ".join([*names[:_LISTED], *more])
