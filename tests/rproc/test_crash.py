# SPDX-License-Identifier: Apache-2.0
"""Crashes: whatever sign comes first, the state, the log and the bus say the same."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from resource_tables import ResourceTable
from rproc import CrashType, Exit, Recovery, RemoteProc, State, StateTimeoutError
from tests.rproc.support import (
    RecordingCore,
    RecordingDriver,
    RecordingSubdevice,
    image_carveout,
    make_image,
    state_of,
    texts,
    vdev,
)
from virtio import WorkThread

GOOD = make_image(ResourceTable((image_carveout(), vdev())))


class Booted:
    """A remote processor that runs, with what it was made of."""

    def __init__(self, on_violation: str = "drop") -> None:
        self.core = RecordingCore(GOOD)
        self.driver = RecordingDriver()
        self.work = WorkThread()
        self.rproc = RemoteProc(
            self.core,
            "fw",
            name="door",
            drivers=[self.driver],
            work=self.work,
            on_violation=on_violation,
            recovery=Recovery(enabled=False),
        )
        self.rproc.boot()


def exit_segfault(booted: Booted) -> None:
    booted.core.exit(Exit("signal", "SIGSEGV"))


def cut_lifeline(booted: Booted) -> None:
    booted.core.boots[-1].lifeline.cut()


def break_ring(booted: Booted) -> None:
    assert booted.driver.device is not None
    booted.driver.device.violation("USED_ID_RANGE", "used id names no descriptor", fatal=True)


def report(booted: Booted) -> None:
    booted.rproc.report_crash(CrashType.FATAL_ERROR, "user says so")


SIGNS: dict[Callable[[Booted], None], str] = {
    exit_segfault: "signal: SIGSEGV",
    cut_lifeline: "the core is gone",
    break_ring: "USED_ID_RANGE: used id names no descriptor",
    report: "user says so",
}


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.__name__)
def test_every_sign_of_a_crash_leads_to_crashed_with_the_lines_of_linux(
    sign: Callable[[Booted], None],
) -> None:
    booted = Booted()
    sign(booted)
    booted.rproc.wait_state(State.CRASHED, timeout=10)
    booted.work.flush(10)
    assert texts(booted.rproc.log.lines)[-2:] == [
        "remoteproc remoteproc0: crash detected in door: type fatal error",
        "remoteproc remoteproc0: handling crash #1 in door",
    ]
    assert booted.driver.removed == [True]
    crash = booted.rproc.crash
    assert crash is not None
    assert (crash.type, crash.cause) == (CrashType.FATAL_ERROR, SIGNS[sign])
    assert booted.core.boots[-1].lifeline.is_cut
    booted.rproc.shutdown()
    assert state_of(booted.rproc) is State.OFFLINE
    assert booted.driver.removed == [True]
    booted.work.close()


def test_several_signs_of_one_crash_are_one_crash_and_the_exit_explains_it() -> None:
    booted = Booted()
    cut_lifeline(booted)
    booted.rproc.wait_state(State.CRASHED, timeout=10)
    exit_segfault(booted)
    report(booted)
    booted.work.flush(10)
    assert booted.rproc.num_crashes == 1
    crash = booted.rproc.crash
    assert crash is not None
    assert crash.exit == Exit("signal", "SIGSEGV")
    assert crash.cause == "signal: SIGSEGV"
    booted.rproc.shutdown()


def test_message_violations_are_dropped_unless_configured_fatal() -> None:
    for policy, state in (("drop", State.RUNNING), ("crash", State.CRASHED)):
        booted = Booted(policy)
        assert booted.driver.device is not None
        booted.driver.device.violation("MSG_SHORT", "shorter than its header", fatal=False)
        booted.work.flush(10)
        assert state_of(booted.rproc) is state
        booted.rproc.shutdown()


def test_an_exit_after_shutdown_began_is_no_crash() -> None:
    booted = Booted()
    booted.rproc.shutdown()
    lines = booted.rproc.log.lines
    exit_segfault(booted)
    booted.work.flush(10)
    assert booted.rproc.log.lines == lines
    assert booted.rproc.crash is None
    assert state_of(booted.rproc) is State.OFFLINE


def test_a_crash_reported_offline_is_logged_and_ignored() -> None:
    rproc = RemoteProc(RecordingCore(GOOD), "fw", name="door")
    rproc.report_crash(CrashType.WATCHDOG)
    assert texts(rproc.log.lines)[-1] == "remoteproc remoteproc0: crash detected in door: type watchdog"
    assert state_of(rproc) is State.OFFLINE
    rproc.boot()
    rproc.shutdown()


def test_crashes_are_counted_over_boots() -> None:
    booted = Booted()
    for number in (1, 2):
        report(booted)
        booted.rproc.wait_state(State.CRASHED, timeout=10)
        booted.work.flush(10)
        assert booted.rproc.num_crashes == number
        booted.rproc.shutdown()
        booted.rproc.boot()
    booted.rproc.shutdown()


def test_start_of_a_crashed_core_only_counts_a_use() -> None:
    booted = Booted()
    report(booted)
    booted.rproc.wait_state(State.CRASHED, timeout=10)
    booted.rproc.boot()
    assert state_of(booted.rproc) is State.CRASHED
    booted.rproc.shutdown()
    assert state_of(booted.rproc) is State.CRASHED
    booted.rproc.shutdown()
    assert state_of(booted.rproc) is State.OFFLINE


def test_a_crash_during_a_shutdown_that_needs_the_work_thread_does_not_deadlock() -> None:
    booted = Booted()
    # A real core may need the work thread to hear that it has stopped.
    booted.core.while_stopping = lambda: booted.work.flush(10)
    report(booted)
    booted.rproc.shutdown()
    assert state_of(booted.rproc) is State.OFFLINE
    booted.work.close()


def test_wait_state_reports_what_it_saw() -> None:
    rproc = RemoteProc(RecordingCore(GOOD), "fw", name="door")
    with pytest.raises(StateTimeoutError, match="door is offline, not running"):
        rproc.wait_state(State.RUNNING, timeout=0.01)


def test_wait_state_takes_the_word_of_sysfs_and_refuses_others() -> None:
    rproc = RemoteProc(RecordingCore(GOOD), "fw", name="door")
    rproc.wait_state(State("offline"), timeout=0)
    word: Any = "up"
    with pytest.raises(ValueError, match="up"):
        rproc.wait_state(word)


def test_wait_state_wakes_in_another_thread() -> None:
    rproc = RemoteProc(RecordingCore(GOOD), "fw", name="door")
    seen: list[State] = []

    def wait() -> None:
        rproc.wait_state(State.RUNNING, timeout=10)
        seen.append(rproc.state)

    thread = threading.Thread(target=wait)
    thread.start()
    rproc.boot()
    thread.join()
    assert seen == [State.RUNNING]
    rproc.shutdown()


def test_a_subdevice_that_fails_to_stop_does_not_stop_the_others() -> None:
    class Failing(RecordingSubdevice):
        def stop(self, crashed: bool) -> None:
            raise RuntimeError("cannot")

    core = RecordingCore(GOOD)
    other = RecordingSubdevice("other", core.calls)
    rproc = RemoteProc(core, "fw", name="door", subdevices=[other, Failing("bad", core.calls)])
    rproc.boot()
    rproc.shutdown()
    assert other.crashed == [False]
    assert "stop failed: RuntimeError: cannot" in str(rproc.log)
