"""The command line: parsing, signals and exit statuses.

The exit status is 0 on success, 1 for a failure, 2 for a mistake in the arguments, 130 after Ctrl-C, 143 after SIGTERM,
129 if the terminal was closed and 141 if the reader of standard output has gone.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from functools import wraps
from typing import Any, NoReturn

from osrmac import __version__
from osrmac.cli.renames import check_names
from osrmac.cli.signals import ending_signals
from osrmac.cli.streams import CheckedOutput, discard_output, escape_tracebacks, open_standard_streams
from osrmac.errors import OsrmacError, printable
from osrmac.progress import set_quiet

if os.environ.get("NO_COLOR"):  # tyro has a variable of its own, which it reads when it is imported
    os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")

__all__ = ["main"]

_GROUPS = {
    "Describe images": ("extract", "run", "demo", "cam"),
    "Use a run": ("search", "serve", "overview", "duplicates", "export", "index"),
    "Look after a run": ("info", "verify", "report", "prune"),
    "Reduce and evaluate descriptors": ("fit", "fit-weights", "evaluate", "compare", "sweep", "paper"),
}
"""Headings of the help, with the commands below them."""

_BROKEN_PIPE = 128 + signal.SIGPIPE
"""Exit status of a process that the signal of a closed pipe ended."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit with a status other than 0 unless it succeeds.

    Args:
        arguments: The command and its arguments. (default: those of the process)

    Raises:
        SystemExit: The command failed, was interrupted, or only showed its help.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    open_standard_streams()
    escape_tracebacks()
    set_quiet("--quiet" in given)
    output: Any = CheckedOutput(sys.stdout)
    with redirect_stdout(output), ending_signals() as ending:
        try:
            try:
                _run(given)
            finally:
                sys.stdout.flush()
        except OsrmacError as error:
            if "--debug" in given:
                raise
            _exit(error.exit_status, f"osrmac: {printable(str(error))}\n")
        except ModuleNotFoundError as error:
            if error.name != "ray" or "--debug" in given:
                raise
            _exit(1, "osrmac: this command runs on Ray, which is not installed: pip install 'ray[data]'\n")
        except KeyboardInterrupt:
            _exit(ending.exit_status, ending.describe())
        except SystemExit as stop:
            if stop.code == signal.SIGTERM:  # received while Ray started, with a handler of its own
                ending.number = signal.SIGTERM
                _exit(ending.exit_status, ending.describe())
            raise
        except BrokenPipeError:
            discard_output()
            sys.exit(_BROKEN_PIPE)


def _help() -> str:
    """Return the help of the program: its commands by purpose."""
    from osrmac.cli.commands import COMMANDS

    lines = ["usage: osrmac COMMAND ... [OPTIONS]", "", "Instance-level image search at scale."]
    for heading, names in _GROUPS.items():
        lines += ["", f"{heading}:", *(f"  {name:<13} {COMMANDS[name].__doc__}" for name in names)]
    lines += ["", "osrmac COMMAND --help shows the options of a command.", "osrmac --version shows the version.", ""]
    return "\n".join(lines)


def _run(arguments: Sequence[str]) -> None:
    """Parse the arguments, and call the function of the command."""
    if arguments[:1] in ([], ["-h"], ["--help"]):
        (sys.stdout if arguments else sys.stderr).write(_help())
        sys.exit(0 if arguments else 2)
    if arguments == ["--version"]:
        sys.stdout.write(f"osrmac {__version__}\n")
        return
    check_names(arguments)
    from osrmac.cli.commands import COMMANDS

    if not all(argument.isprintable() for argument in arguments):
        # Errors of the parser show the arguments, for example the file names of `info *`, as they are.
        _call(map(printable, arguments), {name: _without_effect(function) for name, function in COMMANDS.items()})
    _call(arguments, COMMANDS)


def _call(arguments: Iterable[str], commands: Mapping[str, Callable[..., None]]) -> None:
    """Parse the arguments with tyro, which is imported here because it takes longer than showing the version."""
    import tyro
    from tyro.extras import SubcommandApp

    from osrmac.cli.arguments import REGISTRY

    app = SubcommandApp()
    for name, function in commands.items():
        app.command(name=name)(function)
    app.cli(
        prog="osrmac",
        args=list(arguments),
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.DisallowNone),
        registry=REGISTRY,
    )


def _without_effect(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function that has the same parameters and does nothing."""

    @wraps(function)
    def nothing(*_arguments: object, **_options: object) -> None: ...

    return nothing


def _exit(status: int, line: str | None) -> NoReturn:
    """Exit with a line on standard error."""
    with suppress(OSError):  # there is no other place to say it
        sys.stderr.write(line or "")
        sys.stderr.flush()
    discard_output()
    sys.exit(status)
