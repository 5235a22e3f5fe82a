"""The command line: parsing, signals and exit statuses.

The exit status is 0 on success, 1 for a failure, 2 for a mistake in the arguments, 130 after Ctrl-C, 143 after SIGTERM,
129 if the terminal was closed and 141 if the reader of standard output has gone.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout, suppress
from inspect import signature
from typing import Any, NoReturn

from osrmac import __version__
from osrmac.cli.parser import parse, wants_json_log
from osrmac.cli.process.on_finish import FinishHook
from osrmac.cli.process.signals import EndingSignal, ending_signals
from osrmac.cli.process.streams import CheckedOutput, discard_output, escape_tracebacks, open_standard_streams
from osrmac.cli.renames import check_names
from osrmac.errors import OsrmacError, reason
from osrmac.log import formatted, is_json, json_log, write_exception
from osrmac.progress import set_quiet

if os.environ.get("NO_COLOR"):  # tyro has a variable of its own, which it reads when it is imported
    os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")

__all__ = ["main"]

_GROUPS = {
    "Describe images": ("extract", "run", "demo", "estimate", "cam"),
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
    log = json_log(command=given[0]) if wants_json_log(given) else nullcontext()
    hook = FinishHook()
    with log, redirect_stdout(output), ending_signals(hook) as ending:
        try:
            try:
                _run(given, hook)
            finally:
                sys.stdout.flush()
            hook.run("finished", 0)
        except KeyboardInterrupt:
            _interrupted(ending, hook)
        except SystemExit as stop:
            if stop.code != signal.SIGTERM:
                raise
            ending.number = signal.SIGTERM  # received while Ray started, with a handler of its own
            _interrupted(ending, hook)
        except BrokenPipeError:
            discard_output()
            hook.run("failed", _BROKEN_PIPE, "the reader of standard output has gone")
            sys.exit(_BROKEN_PIPE)
        except Exception as error:
            _failed(error, hook, debug="--debug" in given)
            raise


def _interrupted(ending: EndingSignal, hook: FinishHook) -> NoReturn:
    _write(ending.describe())
    hook.run("interrupted", ending.exit_status, ending.word)
    _exit(ending.exit_status)


def _failed(error: Exception, hook: FinishHook, *, debug: bool) -> None:
    """Write an error and exit; return if it is left to Python to print it with its traceback."""
    status, message = 1, reason(error)
    if isinstance(error, OsrmacError):
        status, message = error.exit_status, str(error)
    elif isinstance(error, ModuleNotFoundError) and error.name == "ray":
        message = "this command runs on Ray, which is not installed: pip install 'ray[data]'"
    else:
        debug = True
    if not debug:
        _write(formatted("error", message, error=type(error).__name__, exit_status=status))
    else:
        status = 1
        if is_json():
            with suppress(OSError):
                write_exception(error)
    hook.run("failed", status, message)
    if is_json() or not debug:
        _exit(status)


def _help() -> str:
    """Return the help of the program: its commands by purpose."""
    from osrmac.cli.commands import COMMANDS

    lines = ["usage: osrmac COMMAND ... [OPTIONS]", "", "Instance-level image search at scale."]
    for heading, names in _GROUPS.items():
        lines += ["", f"{heading}:", *(f"  {name:<13} {COMMANDS[name].__doc__}" for name in names)]
    lines += ["", "osrmac COMMAND --help shows the options of a command.", "osrmac --version shows the version.", ""]
    return "\n".join(lines)


def _run(arguments: Sequence[str], hook: FinishHook) -> None:
    """Parse the arguments, and call the function of the command."""
    if arguments[:1] in ([], ["-h"], ["--help"]):
        (sys.stdout if arguments else sys.stderr).write(_help())
        sys.exit(0 if arguments else 2)
    if arguments == ["--version"]:
        sys.stdout.write(f"osrmac {__version__}\n")
        return
    check_names(arguments)
    from osrmac.cli.commands import COMMANDS

    call = parse(arguments, COMMANDS)
    given = signature(call.func).bind(*call.args, **call.keywords).arguments
    hook.set(given["output"].on_finish, {"command": arguments[0], "run": given.get("run", given.get("runs"))})
    call()


def _write(line: str | None) -> None:
    """Write a line to standard error."""
    with suppress(OSError):  # there is no other place to say it
        sys.stderr.write(line or "")
        sys.stderr.flush()


def _exit(status: int) -> NoReturn:
    discard_output()
    sys.exit(status)
