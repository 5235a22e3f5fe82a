"""Imported at the start of every process that has this folder on its path: counts decoded images, and dies of some.

It also makes a command pause in the function that is named by $PAUSE_IN.

No image is known that crashes a current Pillow, so the end of a file decides what decoding it does to the process.
"""

import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LETHAL, ENDLESS = b"this image kills", b"this image never ends"


Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


class _Finder(importlib.abc.MetaPathFinder):
    """Wraps a function of a module when the module is imported."""

    def __init__(self, module: str, function: str, wrap: Wrap) -> None:
        self._module, self._function, self._wrap = module, function, wrap

    def find_spec(self, name: str, *_location: object) -> ModuleSpec | None:
        if name != self._module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_wrap(module: ModuleType) -> None:
            execute(module)
            setattr(module, self._function, self._wrap(getattr(module, self._function)))

        spec.loader.exec_module = execute_and_wrap  # type: ignore[method-assign]
        return spec


def _counting(decode: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(encoded: bytes, **options: Any) -> Any:
        _count()
        if encoded.endswith(LETHAL):
            os.kill(os.getpid(), signal.SIGSEGV)
        if encoded.endswith(ENDLESS):
            time.sleep(1000)
        return decode(encoded, **options)

    return wrapped


def _pausing(_function: Callable[..., Any]) -> Callable[..., Any]:
    """Wait in the function until the process ends, and tell so by a file."""

    def wrapped(*_arguments: Any, **_options: Any) -> None:
        open(os.environ["PAUSED_FILE"], "w").close()  # noqa: PTH123  # pathlib need not be imported yet
        time.sleep(1000)

    return wrapped


def _count() -> None:
    log = os.environ.get("DECODED_LOG")
    if log:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b".")
        os.close(descriptor)


if __name__ == "sitecustomize":  # rather than imported by pytest
    sys.meta_path.insert(0, _Finder("osrmac.descriptor.images", "decode", _counting))
    if "PAUSED_FILE" in os.environ:
        module, _, function = os.environ["PAUSE_IN"].partition(":")
        sys.meta_path.insert(0, _Finder(module, function, _pausing))
