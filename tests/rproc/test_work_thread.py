# SPDX-License-Identifier: Apache-2.0
"""The work thread of a remote processor that was given none: one per boot, gone with it."""

import threading

import pytest

from resource_tables import ResourceTable
from rproc import Recovery, RemoteProc, State
from tests.rproc.support import RecordingCore, RecordingDriver, image_carveout, make_image, state_of, vdev
from virtio import WorkThread

GOOD = make_image(ResourceTable((image_carveout(), vdev())))


def work_threads() -> list[threading.Thread]:
    """The running ones."""
    return [thread for thread in threading.enumerate() if thread.name == "rproc-work"]


def test_a_shutdown_ends_the_thread_and_the_next_boot_has_another() -> None:
    before = work_threads()
    rproc = RemoteProc(
        RecordingCore(GOOD),
        "fw",
        name="door",
        drivers=[RecordingDriver()],
        recovery=Recovery(enabled=False),
    )
    for number in range(3):
        rproc.boot()
        (mine,) = set(work_threads()) - set(before)
        rproc.report_crash()
        rproc.wait_state(State.CRASHED, timeout=10)
        assert rproc.num_crashes == number + 1
        rproc.shutdown()
        assert not mine.is_alive()
    assert work_threads() == before


def test_the_thread_stays_while_somebody_uses_the_core() -> None:
    before = work_threads()
    rproc = RemoteProc(RecordingCore(GOOD), "fw", name="door", drivers=[RecordingDriver()])
    rproc.boot()
    rproc.boot()
    rproc.shutdown()
    assert len(work_threads()) == len(before) + 1
    rproc.shutdown()
    assert work_threads() == before


def test_a_boot_that_fails_leaves_no_thread() -> None:
    before = work_threads()
    core = RecordingCore(GOOD)
    rproc = RemoteProc(core, "fw", name="door", drivers=[RecordingDriver()])

    def use_it_and_fail() -> None:
        core.boots[-1].work.flush(10)
        assert len(work_threads()) == len(before) + 1
        raise OSError(5, "fails after use")

    core.while_starting = use_it_and_fail
    with pytest.raises(OSError, match="fails after use"):
        rproc.boot()
    assert work_threads() == before
    core.while_starting = lambda: None
    rproc.boot()
    assert state_of(rproc) is State.RUNNING
    rproc.shutdown()


def test_a_work_thread_that_was_given_is_its_owners_to_end() -> None:
    work = WorkThread()
    rproc = RemoteProc(RecordingCore(GOOD), "fw", name="door", work=work)
    rproc.boot()
    rproc.shutdown()
    work.flush(10)
    work.close()
