"""The command line: parsing, signals and exit statuses.

The exit status is 0 on success, 1 for a failure, 2 for a mistake in the arguments, 130 after Ctrl-C, 143 after SIGTERM
and 141 if the reader of standard output has gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType

if os.environ.get("NO_COLOR"):  # tyro has a variable of its own, which it reads when it is imported
    os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")

import tyro
from tyro.extras import SubcommandApp

from osrmac import __version__
from osrmac.cli.arguments import REGISTRY
from osrmac.cli.commands import COMMANDS
from osrmac.cli.renames import check_names
from osrmac.credentials import redact
from osrmac.errors import OsrmacError, printable
from osrmac.progress import set_quiet

__all__ = ["main"]

_GROUPS = {
    "Describe images": ("extract", "run", "demo"),
    "Use a run": ("search", "duplicates", "export"),
    "Look at a run": ("info", "verify", "report"),
    "Reduce and evaluate descriptors": ("fit", "fit-weights", "evaluate", "sweep", "paper"),
    "Look into an image": ("cam",),
}
"""Headings of the help, with the commands below them."""

_SIGNALLED = 128
"""Exit status of a process that a signal ended, less the number of the signal."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit with a status other than 0 unless it succeeds.

    Args:
        arguments: The command and its arguments. (default: those of the process)

    Raises:
        SystemExit: The command failed, was interrupted, or only showed its help.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in ([], ["-h"], ["--help"]):
        (sys.stdout if given else sys.stderr).write(_help())
        sys.exit(0 if given else 2)
    if given == ["--version"]:
        print(f"osrmac {__version__}")
        return
    set_quiet("--quiet" in given)
    sys.excepthook = _print_traceback
    with _sigterm_as_interrupt() as terminated:
        try:
            _run(given)
            sys.stdout.flush()
        except OsrmacError as error:
            if "--debug" in given:
                raise
            _exit(error.exit_status, str(error))
        except ModuleNotFoundError as error:
            if error.name != "ray" or "--debug" in given:
                raise
            _exit(1, "this command runs on Ray, which is not installed: pip install 'ray[data]'")
        except KeyboardInterrupt:
            _exit_after(signal.SIGTERM if terminated.is_set() else signal.SIGINT)
        except SystemExit as stop:
            if stop.code == signal.SIGTERM:  # received while Ray started, with a handler of its own
                _exit_after(signal.SIGTERM)
            raise
        except BrokenPipeError:
            _discard_output()
            sys.exit(_SIGNALLED + signal.SIGPIPE)


def _help() -> str:
    """Return the help of the program: its commands by purpose."""
    lines = ["usage: osrmac COMMAND ... [OPTIONS]", "", "Instance-level image search at scale."]
    for heading, names in _GROUPS.items():
        lines += ["", f"{heading}:", *(f"  {name:<13} {COMMANDS[name].__doc__}" for name in names)]
    lines += ["", "osrmac COMMAND --help shows the options of a command.", "osrmac --version shows the version.", ""]
    return "\n".join(lines)


def _run(arguments: Sequence[str]) -> None:
    """Parse the arguments, and call the function of the command."""
    check_names(arguments)
    app = SubcommandApp()
    for name, function in COMMANDS.items():
        app.command(name=name)(function)
    app.cli(
        prog="osrmac",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.DisallowNone),
        registry=REGISTRY,
    )


@contextmanager
def _sigterm_as_interrupt() -> Iterator[threading.Event]:
    """Let SIGTERM unwind the stack like Ctrl-C, so that locks are released and Ray is stopped.

    The exception is a KeyboardInterrupt because Ray ignores any other while it waits. The event tells the signals
    apart.
    """
    terminated = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        terminated.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield terminated
        return
    previous = signal.signal(signal.SIGTERM, handle)
    try:
        yield terminated
    finally:
        signal.signal(signal.SIGTERM, previous)


def _exit_after(number: signal.Signals) -> None:
    verb = "terminated" if number == signal.SIGTERM else "interrupted"
    _exit(_SIGNALLED + number, f"{verb}: run the same command again to continue")


def _exit(status: int, message: str) -> None:
    """Exit with one line on standard error."""
    sys.stderr.write(f"osrmac: {printable(message)}\n")
    sys.exit(status)


def _print_traceback(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Print the traceback of an exception that ends the process, without the credentials of URLs."""
    sys.stderr.write(redact("".join(traceback.format_exception(error))))


def _discard_output() -> None:
    """Redirect standard output to nowhere, or Python would fail to flush it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
