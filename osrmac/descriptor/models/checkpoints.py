"""Matching of a network's parameters with the tensors of a checkpoint, whatever prefixes and wrappings it uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import takewhile

from torch import Tensor

from osrmac.errors import WeightsError

__all__ = ["PREFERRED_KEYS", "ParameterMatch", "StateDict", "flatten", "is_batch_counter", "match", "remarks"]

StateDict = Mapping[str, Tensor]

PREFERRED_KEYS = (
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
"""Keys of the copy to load if a checkpoint has several, the best first: moving averages are what authors evaluate."""

_MAX_LISTED = 8
_OTHER_ARCHITECTURE = "which looks like another architecture"


@dataclass(frozen=True)
class ParameterMatch:
    """The part of a checkpoint that contains a network.

    Attributes:
        prefix: Common prefix of the names in the checkpoint, without the last dot.
        names: For every tensor under the prefix, its name in the network and its name in the checkpoint.
        alternatives: Prefixes of other parts that contain the network, too.
    """

    prefix: str
    names: Mapping[str, str]
    alternatives: tuple[str, ...] = ()


def flatten(content: object) -> dict[str, Tensor]:
    """Collect the tensors of nested mappings under their keys, joined by dots, and ignore all other values.

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


def is_batch_counter(name: str) -> bool:
    """Return whether a tensor counts the training batches of a batch normalisation, which evaluation does not use."""
    return name.endswith("num_batches_tracked")


def match(
    checkpoint: StateDict, needed: StateDict, network: StateDict, layers: Sequence[str], network_name: str
) -> ParameterMatch:
    """Find the prefix of a checkpoint under which a network's parameters are.

    The layers of the network may be called by their names or, as in an `nn.Sequential` of them, by their numbers.

    Args:
        checkpoint: Tensors of the checkpoint: see `flatten`.
        needed: Names and shapes of the parameters that must be found.
        network: State of the complete network, which may have more parameters than are needed.
        layers: Names of the network's layers in their order, with those that have no parameters.
        network_name: Name of the network, for messages.

    Raises:
        WeightsError: Parameters are missing or have other shapes, or the checkpoint has additional ones among them.
    """
    known = network.keys() | needed.keys()
    candidates = _best(_candidates(checkpoint, layers), needed)
    mismatches = [_mismatch(candidate, checkpoint, needed, known) for candidate in candidates]
    matches = [candidate for candidate, mismatch in zip(candidates, mismatches, strict=True) if mismatch is None]
    if not matches:
        raise WeightsError(f"the weights do not fit {network_name}: {mismatches[0]}")
    return replace(matches[0], alternatives=tuple(other.prefix for other in matches[1:]))


def _candidates(checkpoint: Iterable[str], layers: Sequence[str]) -> list[ParameterMatch]:
    """Return every split of the checkpoint's names into a prefix and a name within the network."""
    numbered_layers = {str(number): layer for number, layer in enumerate(layers) if str(number) != layer}
    by_name: defaultdict[str, dict[str, str]] = defaultdict(dict, {"": {}})
    by_number: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name in checkpoint:
        words = name.split(".")
        for start, word in enumerate(words):
            prefix = ".".join(words[:start])
            by_name[prefix][".".join(words[start:])] = name
            if word in numbered_layers:
                by_number[prefix][".".join([numbered_layers[word], *words[start + 1 :]])] = name
    return [ParameterMatch(prefix, names) for split in (by_name, by_number) for prefix, names in split.items()]


def _best(candidates: Sequence[ParameterMatch], needed: StateDict) -> list[ParameterMatch]:
    """Return the candidates with most of the needed parameters, the preferred one first."""
    counts = [sum(name in needed for name in candidate.names) for candidate in candidates]
    highest = max(counts)
    best = [candidate for candidate, count in zip(candidates, counts, strict=True) if count == highest]
    return sorted(best, key=lambda candidate: _preference(candidate.prefix))


def _preference(prefix: str) -> list[int]:
    words = prefix.split(".") if prefix else []
    return [PREFERRED_KEYS.index(word) if word in PREFERRED_KEYS else len(PREFERRED_KEYS) for word in words]


def _mismatch(
    candidate: ParameterMatch, checkpoint: StateDict, needed: StateDict, known: Collection[str]
) -> str | None:
    """Return why a candidate is not the network, or None if it is."""
    missing = [name for name in needed if name not in candidate.names]
    if len(missing) == len(needed):
        return f"they have none of its parameters but {next(iter(checkpoint), 'none at all')}, {_OTHER_ARCHITECTURE}"
    if missing:
        hint = f", {_OTHER_ARCHITECTURE}" if 2 * len(missing) > len(needed) else ""
        return f"{len(missing)} of {len(needed)} parameters are missing, first {missing[0]}{hint}"
    shapes = {name: tuple(checkpoint[candidate.names[name]].shape) for name in needed}
    reshaped = [name for name in needed if shapes[name] != needed[name].shape]
    if reshaped:
        first, expected = reshaped[0], tuple(needed[reshaped[0]].shape)
        hint = f"first {first}: {shapes[first]} instead of {expected}"
        return f"{len(reshaped)} of its parameters have another shape, {hint}"
    # Additional parameters among the needed layers mean another network; those of a head after them do not matter.
    trunk = {name.partition(".")[0] for name in needed}
    unknown = [name for name in candidate.names if name not in known and not is_batch_counter(name)]
    additional = [name for name in unknown if name.partition(".")[0] in trunk]
    if additional:
        return f"they have parameters that it lacks: {len(additional)}, first {additional[0]}, {_OTHER_ARCHITECTURE}"
    return None


def remarks(matched: ParameterMatch, checkpoint: StateDict, used: Set[str], network: StateDict) -> tuple[str, ...]:
    """Return notes for the user on how a checkpoint was read, one per line.

    Args:
        matched: The part of the checkpoint that was loaded.
        checkpoint: Tensors of the checkpoint.
        used: Names, in the checkpoint, of the tensors that were loaded.
        network: State of the complete network. Its other tensors are not reported as ignored.
    """
    lines = []
    if matched.alternatives:
        others = _join([_wildcard(prefix) for prefix in matched.alternatives])
        lines.append(f"loaded {_wildcard(matched.prefix)} of the checkpoint, though {others} would fit, too")
    expected = {
        stored
        for name, stored in matched.names.items()
        if name in network and checkpoint[stored].shape == network[name].shape
    }
    ignored = [name for name in checkpoint if name not in used | expected and not is_batch_counter(name)]
    if ignored:
        groups = dict.fromkeys(_group(name, matched.prefix) for name in ignored)
        plural = "s" if len(ignored) > 1 else ""
        lines.append(f"ignored {len(ignored)} tensor{plural} of the checkpoint: {_join(list(groups))}")
    return tuple(lines)


def _wildcard(prefix: str) -> str:
    return f"{prefix}.*" if prefix else "*"


def _group(name: str, prefix: str) -> str:
    """Shorten a name after the first word that differs from the prefix.

    >>> _group("model.head.0.weight", "model"), _group("model.p", "model.backbone")
    ('model.head.*', 'model.p')
    """
    words = name.split(".")
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(words, prefix.split("."), strict=False))
    depth = len(list(shared)) + 1
    return name if depth >= len(words) else _wildcard(".".join(words[:depth]))


def _join(names: Sequence[str]) -> str:
    rest = [f"{len(names) - _MAX_LISTED} more"] if len(names) > _MAX_LISTED else []
    return ", ".join([*names[:_MAX_LISTED], *rest])
