# SPDX-License-Identifier: Apache-2.0
"""A forked child holds copies of everything, descriptors included; the core stays the parent's."""

import os
from collections.abc import Callable

import pytest

from resource_tables import ResourceTable
from rproc import RemoteProc, State
from tests.rproc.support import RecordingCore, image_carveout, make_image, state_of, vdev
from virtio import ForkedError

GOOD = make_image(ResourceTable((image_carveout(), vdev())))


def in_a_child(fn: Callable[[], object]) -> int:
    """Call fn in a forked child; 7 when it raised ForkedError, 0 when it raised nothing."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            fn()
            code = 0
        except ForkedError:
            code = 7
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("call", ["boot", "shutdown", "wait"])
def test_a_forked_child_cannot_touch_the_core(call: str) -> None:
    rproc = RemoteProc(RecordingCore(GOOD), "fw.elf", name="door")
    rproc.boot()
    calls = {
        "boot": rproc.boot,
        "shutdown": rproc.shutdown,
        "wait": lambda: rproc.wait_state(State.OFFLINE, timeout=10),
    }
    assert in_a_child(calls[call]) == 7
    assert state_of(rproc) is State.RUNNING
    rproc.shutdown()
