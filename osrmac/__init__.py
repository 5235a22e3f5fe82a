"""Instance-level image search at scale: multi-resolution R-MAC descriptors fused over two layers of a CNN.

Each command of `osrmac` is a function here, with the options of the command as keyword arguments:

    import osrmac

    osrmac.extract("photos", "photos-run", backbone="efficientnet_lite0")
    osrmac.fit("photos-run", features=(256,))
    for match in osrmac.search("photos-run", "photo.jpg", top=5)[0].matches:
        print(match.rank, match.id, match.distance)

`Run` reads a run, and `Describer` describes images in memory. Names are imported when they are first used, so that
importing osrmac loads neither Ray nor torch. All errors that a user can fix are `OsrmacError`s.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from osrmac.api import (
        Run,
        cam,
        compare,
        demo,
        duplicates,
        estimate,
        evaluate,
        evaluate_rankings,
        export,
        extract,
        fit,
        fit_weights,
        index,
        info,
        overview,
        paper,
        prune,
        report,
        run,
        search,
        serve,
        sweep,
        verify,
    )
    from osrmac.commands.export import Export
    from osrmac.commands.extract import Extraction
    from osrmac.commands.index import Indexing
    from osrmac.commands.info import RunInfo
    from osrmac.commands.prune import Pruning
    from osrmac.commands.run import RunResult
    from osrmac.config import DescriptorConfig
    from osrmac.descriptor.describer import Describer, Description, Failure
    from osrmac.errors import OsrmacError
    from osrmac.estimation.result import Estimate
    from osrmac.evaluation.comparison import Comparison
    from osrmac.evaluation.paper_tables import PaperTable
    from osrmac.evaluation.results import Evaluation, Score
    from osrmac.evaluation.sweep import Sweep
    from osrmac.reduction.base import LayerWeighting, Projection, Reduction, Selection
    from osrmac.runs.near_duplicates.groups import Duplicates
    from osrmac.runs.overview.stored import Overview
    from osrmac.runs.queries import SearchResult
    from osrmac.types import Match, QueryResult

__version__ = "0.2.0"

__all__ = [
    "Comparison",
    "Describer",
    "Description",
    "DescriptorConfig",
    "Duplicates",
    "Estimate",
    "Evaluation",
    "Export",
    "Extraction",
    "Failure",
    "Indexing",
    "LayerWeighting",
    "Match",
    "OsrmacError",
    "Overview",
    "PaperTable",
    "Projection",
    "Pruning",
    "QueryResult",
    "Reduction",
    "Run",
    "RunInfo",
    "RunResult",
    "Score",
    "SearchResult",
    "Selection",
    "Sweep",
    "__version__",
    "cam",
    "compare",
    "demo",
    "duplicates",
    "estimate",
    "evaluate",
    "evaluate_rankings",
    "export",
    "extract",
    "fit",
    "fit_weights",
    "index",
    "info",
    "overview",
    "paper",
    "prune",
    "report",
    "run",
    "search",
    "serve",
    "sweep",
    "verify",
]

_MODULES = {
    "Comparison": "evaluation.comparison",
    "Describer": "descriptor.describer",
    "Description": "descriptor.describer",
    "DescriptorConfig": "config",
    "Duplicates": "runs.near_duplicates.groups",
    "Estimate": "estimation.result",
    "Evaluation": "evaluation.results",
    "Export": "commands.export",
    "Extraction": "commands.extract",
    "Failure": "descriptor.describer",
    "Indexing": "commands.index",
    "LayerWeighting": "reduction.base",
    "Match": "types",
    "OsrmacError": "errors",
    "Overview": "runs.overview.stored",
    "PaperTable": "evaluation.paper_tables",
    "Projection": "reduction.base",
    "Pruning": "commands.prune",
    "QueryResult": "types",
    "Reduction": "reduction.base",
    "RunInfo": "commands.info",
    "RunResult": "commands.run",
    "Score": "evaluation.results",
    "SearchResult": "runs.queries",
    "Selection": "reduction.base",
    "Sweep": "evaluation.sweep",
}
"""Modules of the public names; those that are not listed are in `osrmac.api`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'osrmac' has no attribute '{name}'")
    value = getattr(import_module(f"osrmac.{_MODULES.get(name, 'api')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
