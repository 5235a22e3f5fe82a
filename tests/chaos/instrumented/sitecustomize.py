"""Put on the path of a run, this counts the images that are decoded, and makes some of them deadly.

The deaths are real, only their cause is made: no picture is known that crashes a current Pillow.
"""

import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

DEADLY, STUCK = b"this image kills", b"this image never ends"


class _Finder(importlib.abc.MetaPathFinder):
    """Wraps `osrmac.descriptor.images.decode` as the module is imported."""

    def find_spec(self, name: str, *_place: object) -> ModuleSpec | None:
        if name != "osrmac.descriptor.images":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_wrap(module: ModuleType) -> None:
            execute(module)
            decode = module.decode

            def wrapped(encoded: bytes, **options: Any) -> Any:
                _count()
                if encoded.endswith(DEADLY):
                    os.kill(os.getpid(), signal.SIGSEGV)
                if encoded.endswith(STUCK):
                    time.sleep(1000)
                return decode(encoded, **options)

            module.decode = wrapped  # type: ignore[attr-defined]

        spec.loader.exec_module = execute_and_wrap  # type: ignore[method-assign]
        return spec


def _count() -> None:
    log = os.environ.get("DECODED_LOG")
    if log:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b".")
        os.close(descriptor)


if __name__ == "sitecustomize":  # and not imported in search of tests
    sys.meta_path.insert(0, _Finder())
