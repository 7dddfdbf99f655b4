# SPDX-License-Identifier: Apache-2.0
"""How cores end, in words."""

import errno
import os
import signal

from cores.errors import CoreViolationError
from cores.handover import CtlMessage, CtlType
from rproc.core import Exit


def signal_name(number: int) -> str:
    """Return "SIGSEGV" and so on; "signal 40" for a number without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def status_exit(status: "os.waitid_result | None") -> Exit:
    """Return the exit of a process; None when somebody else took its status (SIGCHLD ignored by the host)."""
    if status is None:
        return Exit("exit", "ended; its exit status was taken by somebody else", errno.ECHILD)
    if status.si_code == os.CLD_EXITED:
        return Exit("exit", f"exit code {status.si_status}")
    return Exit("signal", f"killed by {signal_name(status.si_status)}")


def violation_exit(violation: CoreViolationError) -> Exit:
    """Return the exit of a core that broke a rule."""
    return Exit("violation", violation.strerror or "", violation.errno, violation.rule)


def said_exit(message: CtlMessage, *, ready: bool) -> Exit:
    """Return the exit that ERROR or FAULT announces; ``ready``: the core had said READY before."""
    if message.type is CtlType.FAULT:
        return Exit("signal", f"{signal_name(message.signal)} at address {message.fault_va:#x}")
    text = message.text or os.strerror(message.error)
    return Exit("error" if ready else "refused", text, message.error)
