import threading

import pytest

from osrmac.server.background import run_in_background

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def fail() -> None:
    raise RuntimeError("cannot schedule new futures after interpreter shutdown")


@pytest.mark.parametrize("ending", [True, False])
def test_only_the_end_of_the_interpreter_excuses_an_error(ending: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda raised: errors.append(raised.exc_value))
    if ending:
        monkeypatch.setattr(threading, "main_thread", threading.Thread)  # one that does not run
    run_in_background(fail).join()
    assert bool(errors) is not ending
