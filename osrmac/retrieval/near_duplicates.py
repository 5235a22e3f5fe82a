"""Groups of near-duplicates, from the pairs of images that are linked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from osrmac.types import Matrix

__all__ = ["complete_groups", "connected_groups"]

Nodes = NDArray[np.int64]


def connected_groups(pairs: NDArray[np.int64]) -> list[Nodes]:
    """Return the groups of nodes that are linked directly or through other nodes: single linkage.

    Args:
        pairs: Linked nodes, (m, 2).

    Returns:
        The ascending nodes of each group of two or more, by lowest node.
    """
    nodes, rows = np.unique(pairs, return_inverse=True)
    left, right = rows.reshape(-1, 2).T
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(len(nodes), len(nodes)))
    return _by_label(nodes, connected_components(graph, directed=False)[1])


def complete_groups(pairs: NDArray[np.int64], distances: Matrix) -> list[Nodes]:
    """Return groups of nodes in which every pair is linked: complete linkage, so that there are no chains.

    The two groups whose farthest nodes are nearest are merged first, as long as all of their nodes are linked.

    Args:
        pairs: Linked nodes, (m, 2), each pair once.
        distances: Distance of each pair, (m,).

    Returns:
        The ascending nodes of each group of two or more, by lowest node.
    """
    nodes, rows = np.unique(pairs, return_inverse=True)
    members = [{node} for node in range(len(nodes))]
    links: list[dict[int, int]] = [{} for _ in nodes]  # number of links of a group to each other group
    label = list(range(len(nodes)))
    for left, right in rows.reshape(-1, 2)[np.argsort(distances, kind="stable")].tolist():
        one, other = label[left], label[right]
        links[one][other] = links[other][one] = links[one].get(other, 0) + 1
        if links[one][other] == len(members[one]) * len(members[other]):
            _merge(one, other, members, links, label)
    return _by_label(nodes, np.array(label, np.int64))


def _merge(one: int, other: int, members: list[set[int]], links: list[dict[int, int]], label: list[int]) -> None:
    """Merge the smaller of two groups into the larger one."""
    kept, gone = (one, other) if len(members[one]) >= len(members[other]) else (other, one)
    for node in members[gone]:
        label[node] = kept
    members[kept] |= members[gone]
    members[gone] = set()
    del links[kept][gone], links[gone][kept]
    for third, number in links[gone].items():
        del links[third][gone]
        links[kept][third] = links[third][kept] = links[kept].get(third, 0) + number
    links[gone] = {}


def _by_label(nodes: Nodes, label: NDArray[np.signedinteger]) -> list[Nodes]:
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order])) + 1
    groups = [nodes[group] for group in np.split(order, starts) if len(group) > 1]
    return sorted(groups, key=lambda group: int(group[0]))
