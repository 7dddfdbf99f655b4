# SPDX-License-Identifier: Apache-2.0
"""What /proc says about the processes and threads of cores."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_ROUNDS = 20


def kill_session(session: int) -> None:
    """SIGKILL every process of a session whose leader has ended and is not reaped yet.

    Children that a core left behind end with it, whatever process group they chose; one that made a session
    of its own escapes (docs/isolation.md). Thread safety: any thread.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)
    # Again until none is left: a process may fork while the others are being killed.
    for _ in range(_ROUNDS):
        alive = [pid for pid in _members(session) if _kill_member(pid, session)]
        if not alive:
            return


def _members(session: int) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        pid = int(folder.name) if folder.name.isdigit() else session
        if pid != session and _session_of(pid) == session:
            yield pid


def _session_of(pid: int) -> int | None:
    """Return the session of a process that lives; None for a zombie and for one that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name in brackets may hold anything, brackets and blanks included.
    state, _, _, session = text.rpartition(")")[2].split()[:4]
    return None if state in "ZX" else int(session)


def _kill_member(pid: int, session: int) -> bool:
    """Kill one process, if its number still means it; whether that was so."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if _session_of(pid) != session:
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(pidfd)
    return True


def tracer_of(pid: int) -> int:
    """Process number of the debugger that is attached to a process or thread, 0 for none."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return 0
    return int(text.partition("TracerPid:")[2].split(maxsplit=1)[0])
