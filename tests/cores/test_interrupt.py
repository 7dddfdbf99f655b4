# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C while a core starts: the host goes on, and nothing of the core is left."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cores
from tests.cores.conftest import MakeBench
from tests.cores.kinds import make_core

KINDS = ("process", "library", "python", "python-process")
_TASKS = Path("/proc/self/task")


def _children() -> set[str]:
    return set((_TASKS / str(os.getpid()) / "children").read_text().split())


def _held() -> set[tuple[str, str]]:
    """Children (zombies included), descriptors, threads and mapped copies of libraries of this process."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return (
        {("child", pid) for pid in _children()}
        | {("descriptor", entry.name) for entry in Path("/proc/self/fd").iterdir()}
        | {("thread", entry.name) for entry in _TASKS.iterdir()}
        | {("copy", line) for line in maps if "rproc-copy" in line}
    )


def _left_over(before: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What is held and was not before, once threads that are about to end have ended."""
    end = time.monotonic() + 10
    while (more := _held() - before) and time.monotonic() < end:
        time.sleep(0.01)
    return more


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _after(function: Callable[..., Any]) -> Callable[..., Any]:
    """Do what is to be done and be interrupted before the caller has the result."""

    def interrupted(*arguments: Any) -> Any:
        function(*arguments)
        raise KeyboardInterrupt

    return interrupted


WINDOWS = {
    "spawned": {
        "process": "cores.process.ProcessBody.start",
        "library": "cores.library.LibraryBody.start",
        "python": "cores.python.ThreadBody.start",
        "python-process": "cores.process.ProcessBody.start",
    },
    "greeted": dict.fromkeys(KINDS, "cores.supervisor.Supervisor.greet"),
    "watched": dict.fromkeys(KINDS, "cores.supervisor.Supervisor.watch"),
}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("kind", KINDS)
def test_interrupt_between_the_steps_of_a_start_leaves_nothing(
    kind: str, window: str, bench: MakeBench, ecus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right behind each step that makes or hands over something; the same core boots afterwards."""
    core, firmware, folder = make_core(kind, ecus, "echo")
    running = bench(core, firmware, folder)
    running.remote.boot()  # what the first boot of a process makes for good
    running.remote.shutdown()
    before = _held()
    module, name, method = WINDOWS[window][kind].rsplit(".", 2)
    owner = getattr(__import__(module, fromlist=[name]), name)
    with monkeypatch.context() as patch:
        patch.setattr(owner, method, _after(getattr(owner, method)))
        with pytest.raises(KeyboardInterrupt):
            running.remote.boot()
    assert _left_over(before) == set()
    running.remote.boot()
    running.remote.shutdown()
    assert _left_over(before) == set()


def test_interrupt_while_a_file_is_imported_leaves_no_interpreter(tmp_path: Path) -> None:
    """The import of a Python core in its own process may take its time, and the user may not have it."""
    (tmp_path / "ecu.py").write_text("import threading; threading.Event().wait()\n")
    core = cores.create("python", process=True)
    before = _held()
    handler = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            core.request_firmware("ecu.py", tmp_path)
    finally:
        signal.signal(signal.SIGALRM, handler)
    assert _left_over(before) == set()
