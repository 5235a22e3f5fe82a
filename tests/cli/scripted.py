"""Commands whose work is replaced by a script."""

import subprocess
import sys
from collections.abc import Sequence
from textwrap import indent
from typing import Any


def scripted(
    code: str, *arguments: str, prefix: Sequence[str] = (), **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process in which its function is replaced by a script."""
    script = (
        "import os, signal, sys, time\n"
        "from osrmac.cli import app, main\n"
        f"def run(*_):\n{indent(code, '    ')}\n"
        "app._run = run\n"
        "main(sys.argv[1:])\n"
    )
    command = [*prefix, sys.executable, "-c", script, *arguments]
    return subprocess.run(command, **({"capture_output": True} | options), text=True, check=False, timeout=100)
