"""Commands and options that have been renamed, and the errors that name their successors."""

from __future__ import annotations

from collections.abc import Sequence

from osrmac.errors import ConfigError

__all__ = ["RENAMED_COMMANDS", "RENAMED_OPTIONS", "check_names"]

RENAMED_COMMANDS = {"weigh": "fit-weights", "tables": "paper", "explain": "cam"}

RENAMED_OPTIONS = {
    "--actors": "--workers",
    "--controls": "--baselines",
    "--fetches": "--concurrent-reads",
    "--fitted-on": "--fit-on",
    "--json": "--format json",
    "--max-actors": "--max-workers",
    "--no-controls": "--no-baselines",
    "--scales": "--image-sizes",
    "--system": "--method",
    "--taps": "--layers",
    "--tries": "--attempts",
}

_RUN_SECOND = ("extract", "run")
"""Commands whose second argument is the run; it is the first of all others."""


def check_names(arguments: Sequence[str]) -> None:
    """Check that no argument is the old name of a command or an option.

    Args:
        arguments: The command and its arguments.

    Raises:
        ConfigError: One is; the message has the new name.
    """
    command = arguments[0] if arguments else ""
    if command in RENAMED_COMMANDS:
        raise ConfigError(f"osrmac {command} is now osrmac {RENAMED_COMMANDS[command]}")
    for argument in arguments:
        option = argument.partition("=")[0].replace("_", "-")
        if option == "--run":
            raise ConfigError(f"--run RUN is now the {'second' if command in _RUN_SECOND else 'first'} argument")
        if option in RENAMED_OPTIONS:
            raise ConfigError(f"{option} is now {RENAMED_OPTIONS[option]}")
