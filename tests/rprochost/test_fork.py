# SPDX-License-Identifier: Apache-2.0
"""A forked child gets an error from every object of a machine, and the parent's cores go on."""

import errno
import os
from collections.abc import Callable

import pytest

from rprochost import Machine

CHANNEL = "rpmsg-echo"
LIMIT = 20.0


def _errno_in_child(fn: Callable[[], object]) -> int:
    """Return the errno that fn raises in a forked child, 0 for none, 255 for another error."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            fn()
            code = 0
        except OSError as error:
            code = error.errno or 255
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _leave(machine: Machine) -> None:
    machine.__exit__(None, None, None)


@pytest.mark.parametrize("kind", ["library", "process", "python"])
def test_a_child_that_leaves_the_machine_does_not_stop_the_parents_core(
    images: dict[str, str], kind: str
) -> None:
    machine = Machine()
    machine.add("door", kind=kind, firmware=images[kind])
    with machine, machine.wait_channel(CHANNEL, timeout=LIMIT).open() as endpoint:
        for call in (
            lambda: _leave(machine),
            machine["door"].stop,
            machine["door"].start,
            lambda: machine.wait_channel("none", timeout=None),
            lambda: machine["door"].wait_channel("none", timeout=None),
            lambda: endpoint.send(b"x"),
            lambda: endpoint.recv(timeout=None),
        ):
            assert _errno_in_child(call) == errno.ECHILD
        endpoint.send(b"hello")
        assert endpoint.recv(timeout=LIMIT).data == b"hello"
