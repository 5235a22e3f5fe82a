"""Arguments of the commands: positional ones, options of the output, and how tyro reads a configuration class."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro import MISSING as TYRO_MISSING
from tyro.conf import FlagCreatePairsOff, Positional, arg
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

from osrmac.log import LogFormat
from osrmac.options import Option, options

__all__ = [
    "REGISTRY",
    "DemoRun",
    "Html",
    "Image",
    "Images",
    "NewRun",
    "OptionalRun",
    "Output",
    "OutputFolder",
    "PerQuery",
    "Picture",
    "Profile",
    "Queries",
    "Rankings",
    "RemovalTable",
    "Run",
    "Runs",
    "TableFile",
]

REGISTRY = ConstructorRegistry()
"""Rules by which tyro reads the arguments."""


def _argument(
    metavar: str | None, text: str, hint: str = "", name: str | None = None, aliases: tuple[str, ...] = ()
) -> object:
    return arg(metavar=metavar, help=text, help_behavior_hint=hint, name=name, aliases=aliases)


_NEW_RUN = "Folder or URL of the run, which holds all results. It is created, or continued if it exists."
_OPTIONAL_RUN = "Folder or URL of the run. With --rankings it is optional, and the scores are written into it."
_IMAGES = (
    "Images: a folder, a glob, s3://bucket/prefix or another fsspec URL, a .tar archive, a Parquet file with image "
    "bytes, or a .txt, .csv or .parquet list of URIs."
)
_QUERIES = "Ids of images of the run, or else paths or URLs of any images. ./NAME is always a path."
_RANKINGS = (
    "Score these rankings: a folder with a text file for each query, or one file of all, as for Holidays or as JSON "
    "{query: {image: score}}."
)

Images = Annotated[str, Positional, _argument("IMAGES", _IMAGES)]
NewRun = Annotated[str, Positional, _argument("RUN", _NEW_RUN)]
DemoRun = Annotated[str, Positional, _argument("[RUN]", "Local folder of the run.", "(default: osrmac-demo)")]
OptionalRun = Annotated[str | None, Positional, _argument("[RUN]", _OPTIONAL_RUN)]
Run = Annotated[str, Positional, _argument("RUN", "Folder or URL of the run.")]
Runs = Annotated[tuple[str, ...], Positional, _argument("RUN...", "Folders or URLs of the runs.")]
Queries = Annotated[tuple[str, ...], Positional, _argument("QUERY...", _QUERIES)]
Image = Annotated[str, Positional, _argument("IMAGE", "Path or URL of an image.")]
OutputFolder = Annotated[str, Positional, _argument("OUT", "Local folder to create.")]
Rankings = Annotated[str | None, _argument("PATH", _RANKINGS)]
Profile = Annotated[bool, FlagCreatePairsOff, _argument(None, "Also print the time of each stage; JSON always has it.")]
Html = Annotated[Path | None, _argument("FILE", "Also write a contact sheet, an HTML file for any browser.")]
TableFile = Annotated[
    Path | None, _argument("FILE", "Also write the results as a .csv, .xlsx or .parquet file.", name="table")
]
RemovalTable = Annotated[
    Path | None,
    _argument(
        "FILE",
        "Also write a .csv, .xlsx or .parquet file that says which images to keep and to remove.",
        name="table",
        aliases=("--csv",),
    ),
]
PerQuery = Annotated[
    Path | None, _argument("FILE", "Also write a .csv, .xlsx or .parquet file with the score of each query.")
]
Picture = Annotated[
    str, _argument("FILE", "Picture to write: image, map and mask side by side.", "(default: cam.png)", "output")
]


@dataclass(frozen=True)
class Output:
    """Results go to standard output, everything else to standard error."""

    format: Literal["table", "json"] = "table"
    """Print results as tables, or as JSON Lines."""

    log_format: LogFormat = "text"
    """Write progress, notes and errors as text, or as JSON objects for programs that collect logs."""

    quiet: Annotated[bool, FlagCreatePairsOff] = False
    """Print no progress and no notes."""

    debug: Annotated[bool, FlagCreatePairsOff] = False
    """Print the traceback of an error."""

    on_finish: Annotated[str | None, arg(metavar="COMMAND")] = None
    """Shell command to run when this one has finished, failed or been interrupted. It reads a summary as JSON from its
    standard input."""


@REGISTRY.struct_rule
def _configuration_rule(info: StructTypeInfo) -> StructConstructorSpec | None:
    """Read a configuration class of osrmac as `osrmac.options` describes it."""
    if not is_dataclass(info.type) or not info.type.__module__.startswith("osrmac."):
        return None
    given = info.default if isinstance(info.default, info.type) else None
    specs = [
        _field_spec(option, option.default if given is None else getattr(given, option.name))
        for option in options(info.type)
    ]
    return StructConstructorSpec(instantiate=info.type, fields=tuple(specs))


def _field_spec(option: Option, default: Any) -> StructFieldSpec:
    annotated: Any = Annotated[option.type, arg(metavar=option.metavar, help_behavior_hint=_hint(option, default))]
    return StructFieldSpec(option.name, annotated, TYRO_MISSING if default is MISSING else default, option.help)


def _hint(option: Option, default: Any) -> str:
    """Return the default in parentheses: in words if there are some, or else the value."""
    if default is MISSING:
        return "(required)"
    if default is None or default is False or default == ():
        return f"(default: {option.default_text})" if option.default_text else ""
    if default is True:
        return "(default: on)"
    return f"(default: {' '.join(map(str, default)) if isinstance(default, tuple) else default})"
