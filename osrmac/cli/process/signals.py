"""Signals that end a command: the stack unwinds, or else the process is ended by force a few seconds later."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from osrmac.cli.process.on_finish import FinishHook
from osrmac.log import formatted

__all__ = ["EndingSignal", "ending_signals"]

_GRACE_SECONDS = 4.0
"""Time in which a command may end by itself: release its locks and stop Ray."""

_LOCK_SECONDS = 2.0
_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "terminal closed"}
_SIGNALLED = 128
"""Exit status of a process that a signal ended, less the number of the signal."""


class EndingSignal:
    """The signal that ends this process, if one was received.

    The first one raises KeyboardInterrupt in the main thread, because Ray ignores any other exception while it waits.
    Further ones do nothing, so that they cannot interrupt the release of locks. A thread notices the first one even
    while the main thread runs compiled code, and ends the process if it does not end in time.

    Args:
        hook: Command that is run before the process ends.
    """

    def __init__(self, hook: FinishHook) -> None:
        self.number: int | None = None
        self._hook = hook
        self._raised = False
        self._described = False
        self._standard_error = os.dup(2)  # where it leads to even while Ray starts, when the stream is discarded

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal in the main thread."""
        self.number = self.number or number
        if not self._raised:
            self._raised = True
            raise KeyboardInterrupt

    @property
    def exit_status(self) -> int:
        """Exit status of the process."""
        return _SIGNALLED + (self.number or signal.SIGINT)

    @property
    def word(self) -> str:
        """What the signal has done to the command."""
        return _WORDS[signal.Signals(self.number or signal.SIGINT)]

    def describe(self) -> str | None:
        """Return the line for the user, or None if another thread has it already."""
        if self._described:
            return None
        self._described = True
        return formatted("error", f"{self.word}: run the same command again to continue", exit_status=self.exit_status)

    def watch(self, numbers: int) -> None:
        """Read the numbers of received signals from a file descriptor; end the process some time after the first."""
        with os.fdopen(numbers, "rb", buffering=0) as received:
            while self.number is None:
                read = received.read(1)
                if not read:
                    return
                self.number = read[0] if read[0] in _WORDS else None
            end = time.monotonic() + _GRACE_SECONDS
            time.sleep(_GRACE_SECONDS)  # within the block, as Python complains if it cannot write further numbers
            time.sleep(max(0.0, end + self._hook.wait() - time.monotonic()))
            self._end_by_force()

    def close(self) -> None:
        """Close the copy of standard error."""
        os.close(self._standard_error)

    def _end_by_force(self) -> None:
        """Release the locks, kill all processes that were started here, and exit."""
        import psutil

        from osrmac.storage.lock import release_all

        releasing = threading.Thread(target=release_all, daemon=True)
        releasing.start()
        releasing.join(_LOCK_SECONDS)
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        line = self.describe()
        if line is not None:
            with suppress(OSError):
                os.write(self._standard_error, line.encode())
        self._hook.run("interrupted", self.exit_status, self.word)
        os._exit(self.exit_status)


@contextmanager
def ending_signals(hook: FinishHook) -> Iterator[EndingSignal]:
    """Handle the signals that end a command while the block runs, and after one was received until the process ends.

    Signals that the process was started to ignore, as by nohup, stay ignored.

    Args:
        hook: Command that is run before a process that does not end in time is ended by force.
    """
    ending = EndingSignal(hook)
    if threading.current_thread() is not threading.main_thread():
        yield ending
        ending.close()
        return
    numbers, received = os.pipe()
    os.set_blocking(received, False)
    previous_descriptor = signal.set_wakeup_fd(received, warn_on_full_buffer=False)
    heeded = [number for number in _WORDS if signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, ending.handle) for number in heeded}
    threading.Thread(target=ending.watch, args=(numbers,), daemon=True).start()
    try:
        yield ending
    finally:
        ended = ending.number is not None
        for number, handler in previous.items():
            # At exit, Python restores what the system does by default unless a signal is ignored.
            signal.signal(number, signal.SIG_IGN if ended else handler)
        signal.set_wakeup_fd(previous_descriptor)
        if not ended:
            os.close(received)
            ending.close()
