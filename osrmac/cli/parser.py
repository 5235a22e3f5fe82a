"""Parse the command line, without calling the command."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stderr
from functools import partial, wraps

from osrmac.errors import ConfigError, printable
from osrmac.log import is_json

__all__ = ["parse", "wants_json_log"]

_FRAME = re.compile(r"[─│╭╮╰╯]+")


def wants_json_log(arguments: Sequence[str]) -> bool:
    """Return whether the arguments, which may be wrong, ask for a log in JSON.

    >>> wants_json_log(["fit", "RUN", "--log-format", "json"]), wants_json_log(["fit", "--log-format=text"])
    (True, False)
    """
    words = "\n".join(arguments).replace("--log_format", "--log-format").replace("--log-format=", "--log-format\n")
    return "\n--log-format\njson\n" in f"\n{words}\n"


def parse(arguments: Sequence[str], commands: Mapping[str, Callable[..., None]]) -> partial[None]:
    """Return the call of a command.

    Args:
        arguments: The name of the command and its arguments.
        commands: Functions of the commands by name.

    Raises:
        ConfigError: The arguments are wrong, and the log is in JSON.
        SystemExit: They are wrong, which standard error says, or ask for help.
    """
    if not is_json():
        return _parse(arguments, commands)
    shown = io.StringIO()
    try:
        with redirect_stderr(shown):
            return _parse(arguments, commands)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise ConfigError(" ".join(_FRAME.sub(" ", shown.getvalue()).split())) from None


def _parse(arguments: Sequence[str], commands: Mapping[str, Callable[..., None]]) -> partial[None]:
    # Errors of the parser show the arguments, for example the file names of `info *`, as they are.
    if not all(argument.isprintable() for argument in arguments):
        _run_parser(map(printable, arguments), commands)
    return _run_parser(arguments, commands)


def _run_parser(arguments: Iterable[str], commands: Mapping[str, Callable[..., None]]) -> partial[None]:
    """Parse the arguments with tyro, which is imported here because it takes longer than showing the version."""
    import tyro
    from tyro.extras import SubcommandApp

    from osrmac.cli.arguments import REGISTRY

    app = SubcommandApp()
    for name, function in commands.items():
        app.command(name=name)(_deferred(function))
    call: partial[None] = app.cli(
        prog="osrmac",
        args=list(arguments),
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.DisallowNone),
        registry=REGISTRY,
    )
    return call


def _deferred(function: Callable[..., None]) -> Callable[..., partial[None]]:
    """Return a function that has the same parameters and returns the call of the given one."""

    @wraps(function)
    def call(*arguments: object, **options: object) -> partial[None]:
        return partial(function, *arguments, **options)

    return call
