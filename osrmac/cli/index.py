"""The command `index`, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osrmac.cli.arguments import Output, Run
from osrmac.cli.output import write_result
from osrmac.config import ClusterConfig, IndexConfig

if TYPE_CHECKING:
    from osrmac.commands.index import Indexing

__all__ = ["index"]


def index(
    run: Run,
    vector: IndexConfig = IndexConfig(),
    cluster: ClusterConfig = ClusterConfig(),
    output: Output = Output(),
) -> None:
    """Build or extend an index, for searches among many images."""
    from osrmac.commands.index import index as make

    result = make(run, vector, cluster)
    write_result(output, result.to_json(), summary=[_summary(result)])


def _summary(result: Indexing) -> str:
    if result.trained:
        done = f"built in {result.seconds:.0f} s, trained on {result.trained_on:,} vectors"
    elif result.added:
        done = f"{result.added:,} shards added in {result.seconds:.0f} s"
    else:
        done = "nothing to add"
    kind = f"{result.factory}, {result.bytes / 1e6:,.1f} MB"
    distances = " and ".join(result.distances)
    return f"index of {result.images:,} images by {result.method}, for distances {distances}: {done}; {kind}"
