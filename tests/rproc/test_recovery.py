# SPDX-License-Identifier: Apache-2.0
"""Recovery: Linux's steps in new memory, and an end to it when the core crashes again and again."""

import gc
import os
import threading
from collections.abc import Callable

import pytest

from resource_tables import Carveout, ResourceTable, SegmentSpec, Trace
from rproc import Exit, Recovery, RemoteProc, State, StateError
from tests.rproc.support import (
    IMAGE_DA,
    Calls,
    RecordingCore,
    RecordingDriver,
    RecordingSubdevice,
    image_carveout,
    make_image,
    open_descriptors,
    state_of,
    texts,
    vdev,
)
from virtio import ForkedError, WorkThread

TRACE_DA = IMAGE_DA + 0x2000
HEAP_DA = IMAGE_DA + 0x8000
TABLE = ResourceTable(
    (image_carveout(), Carveout(name="heap", size=0x3000), Trace(name="t", da=TRACE_DA, size=64), vdev())
)
IMAGE = make_image(TABLE, SegmentSpec(paddr=IMAGE_DA + 0x4000, data=b"code"))
OFF = Recovery(enabled=False)
#: Recovers at once, however often.
AT_ONCE = Recovery(attempts=1000, backoff=0.0)


class Recovering:
    """A remote processor that runs, with what it was made of; closed at the end of the block."""

    def __init__(self, recovery: Recovery = OFF, *, subdevices: int = 0) -> None:
        self.calls = Calls()
        self.core = RecordingCore(IMAGE, self.calls)
        self.driver = RecordingDriver()
        self.work = WorkThread()
        self.rproc = RemoteProc(
            self.core,
            "fw",
            name="door",
            drivers=[self.driver],
            subdevices=[RecordingSubdevice(str(number), self.calls) for number in range(subdevices)],
            work=self.work,
            recovery=recovery,
        )

    def __enter__(self) -> "Recovering":
        self.rproc.boot()
        return self

    def __exit__(self, *_: object) -> None:
        self.core.stop_error = None
        self.core.while_starting = self.core.while_stopping = lambda: None
        while state_of(self.rproc) is not State.OFFLINE:
            self.rproc.shutdown()
        self.work.close()

    def crash(self) -> None:
        """Crash, and wait until that was handled."""
        number = self.rproc.num_crashes + 1
        self.core.exit(Exit("signal", "SIGSEGV"))
        self.rproc.wait_crashes(number, 10)
        if not self.rproc.recovery.enabled:
            self.work.flush(10)

    def lines(self, since: int) -> list[str]:
        """Log lines from one on, without times and sources."""
        return [line.split(": ", 1)[1] for line in texts(self.rproc.log.lines)[since:]]


def test_a_recovery_takes_the_steps_of_linux_and_says_so_in_its_words() -> None:
    with Recovering(AT_ONCE, subdevices=2) as booted:
        since, called = len(booted.rproc.log.lines), len(booted.calls.names)
        booted.crash()
        booted.rproc.wait_state(State.RUNNING, timeout=10)
        assert booted.lines(since)[:5] == [
            "crash detected in door: type fatal error",
            "handling crash #1 in door",
            "recovering door",
            "stopped remote processor door",
            "registered virtio0 (type 4)",
        ]
        assert booted.calls.names[called:] == [
            *("-start 1", "-start 0", "-start", "-prepare 1", "-prepare 0"),
            *("request_firmware", "check", "prepare 0", "prepare 1", "start", "start 0", "start 1"),
        ]
        crash = booted.rproc.crash
        assert crash is not None
        assert crash.cause == "signal: SIGSEGV"
    assert booted.lines(since)[5:7] == [
        "remote processor door is now up",
        "stopped remote processor door",
    ]


def test_numbers_and_addresses_stay_and_the_memory_is_another() -> None:
    with Recovering() as booted:
        rproc, device = booted.rproc, booted.driver.device
        assert device is not None
        before = rproc.memory, rproc.carveouts, rproc.table, device.name
        old_boot = booted.core.boots[-1]
        booted.crash()
        rproc.recover()
        new = booted.driver.device
        assert new is not None
        assert new is not device
        assert (rproc.carveouts, rproc.table, new.name) == before[1:]
        assert rproc.memory is not before[0]
        assert rproc.memory is not None
        assert rproc.memory.regions == old_boot.memory.regions
        assert old_boot.memory.closed
        boot = booted.core.boots[-1]
        assert boot.bells is not old_boot.bells
        assert not boot.lifeline.is_cut
        assert "rproc-virtio.0.auto: registered virtio0" in str(rproc.log).split("recovering")[1]


def test_what_carveouts_held_is_carried_over_and_segments_are_loaded_anew() -> None:
    with Recovering() as booted:
        old = booted.core.boots[-1].memory
        heap = next(piece for piece in booted.rproc.carveouts if piece.name == "heap")
        mine, code = old.view(heap.da, heap.size), old.view(IMAGE_DA + 0x4000, 4)
        mine[:] = bytes(range(256)) * (heap.size // 256)
        code[:] = b"evil"
        booted.crash()
        booted.rproc.recover()
        new = booted.core.boots[-1].memory
        assert new.view(heap.da, heap.size) == mine
        assert bytes(new.view(IMAGE_DA + 0x4000, 4)) == b"code"
        # The view of the old memory can be used, but it is nobody's any more.
        mine[0] = 99
        assert new.view(heap.da, 1)[0] == 0
        assert bytes(code) == b"evil"


def test_a_trace_is_read_on_from_the_new_memory() -> None:
    with Recovering() as booted:
        stream = booted.rproc.trace()
        booted.core.boots[-1].memory.view(TRACE_DA, 64)[:4] = b"one\0"
        assert stream.read() == "one"
        booted.crash()
        booted.rproc.recover()
        booted.core.boots[-1].memory.view(TRACE_DA, 64)[:6] = b"other\0"
        assert stream.read() == "other"


def test_uses_stay_counted() -> None:
    with Recovering() as booted:
        booted.rproc.boot()
        booted.crash()
        booted.rproc.recover()
        booted.rproc.shutdown()
        assert state_of(booted.rproc) is State.RUNNING
        booted.rproc.shutdown()
        assert state_of(booted.rproc) is State.OFFLINE


def test_recover_does_nothing_to_a_core_that_has_not_crashed() -> None:
    booted = Recovering()
    booted.rproc.recover()
    assert state_of(booted.rproc) is State.OFFLINE
    with booted:
        lines = booted.rproc.log.lines
        booted.rproc.recover()
        assert booted.rproc.log.lines == lines


def test_a_stop_that_fails_leaves_it_crashed_and_recover_can_be_tried_again() -> None:
    with Recovering(subdevices=1) as booted:
        booted.crash()
        since = len(booted.rproc.log.lines)
        booted.core.stop_error = OSError(5, "cannot")
        for _ in range(2):
            with pytest.raises(OSError, match="cannot"):
                booted.rproc.recover()
            assert state_of(booted.rproc) is State.CRASHED
        assert booted.lines(since) == ["recovering door", "cannot", "can't stop rproc: -5"] * 2
        booted.core.stop_error = None
        booted.rproc.recover()
        assert state_of(booted.rproc) is State.RUNNING


def num_memories() -> int:
    """How many memories of boots are open."""
    gc.collect()  # what earlier tests left
    return sum("memfd:rproc-" in name for name in open_descriptors().values())


@pytest.mark.parametrize("step", range(7))
def test_a_boot_that_fails_leaves_it_offline_without_a_use_and_the_next_start_boots(step: int) -> None:
    steps = ["request_firmware", "check", "prepare 0", "prepare 1", "start", "start 0", "start 1"]
    with Recovering(subdevices=2) as booted:
        memories = num_memories()
        booted.rproc.boot()
        booted.crash()
        booted.calls.fail_from_here(step)
        with pytest.raises(OSError, match=f"{steps[step]} fails"):
            booted.rproc.recover()
        assert state_of(booted.rproc) is State.OFFLINE
        assert booted.rproc.memory is None
        assert num_memories() == memories - 2  # the one of the memory and the one of its mapping
        with pytest.raises(StateError):
            booted.rproc.shutdown()
        done = booted.calls.names
        assert all(done.count(name) == done.count(f"-{name}") for name in steps[2:])
        booted.rproc.boot()
        assert state_of(booted.rproc) is State.RUNNING
        assert num_memories() == memories
        assert "registered virtio0" in booted.lines(0)[-2]


def test_a_recovery_that_fails_by_itself_is_logged_with_the_errno() -> None:
    with Recovering(AT_ONCE) as booted:
        booted.calls.fail_from_here(2)
        booted.crash()
        booted.rproc.wait_state(State.OFFLINE, timeout=10)
        booted.rproc.boot()  # waits for its end
        lines = booted.lines(0)
        assert "can't start rproc door: -5" in lines
        assert "recovery failed: -5" in lines


def test_a_core_that_crashes_while_it_recovers_is_recovered_again() -> None:
    with Recovering(AT_ONCE) as booted:

        def die_once() -> None:
            booted.core.while_starting = lambda: None
            booted.core.exit(Exit("signal", "SIGABRT"))

        booted.core.while_starting = die_once
        booted.crash()
        booted.rproc.wait_crashes(2, 10)
        booted.rproc.wait_state(State.RUNNING, timeout=10)
        assert len(booted.core.boots) == 3
        crash = booted.rproc.crash
        assert crash is not None
        assert crash.cause == "signal: SIGABRT"


def test_a_core_that_keeps_crashing_is_given_up_and_recover_begins_anew() -> None:
    with Recovering(Recovery(attempts=3, backoff=0.001, stable=3600)) as booted:
        for number in range(1, 5):
            booted.crash()
            if number < 4:
                booted.rproc.wait_state(State.RUNNING, timeout=10)
        booted.work.flush(10)
        assert state_of(booted.rproc) is State.CRASHED
        said = [line for line in booted.lines(0) if "in a row" in line]
        assert said == [
            "recovering door in 0.001 s: crash #2 in a row",
            "recovering door in 0.002 s: crash #3 in a row",
            "giving up door: crash #4 in a row",
        ]
        booted.rproc.recover()
        assert state_of(booted.rproc) is State.RUNNING
        booted.crash()
        booted.rproc.wait_state(State.RUNNING, timeout=10)


FAR = Recovery(backoff=3600, max_backoff=3600, stable=3600)


def in_back_off() -> Recovering:
    """A core that waits for a recovery that comes in an hour."""
    booted = Recovering(FAR)
    booted.rproc.boot()
    booted.crash()
    booted.rproc.wait_state(State.RUNNING, timeout=10)
    booted.crash()
    booted.work.flush(10)
    assert state_of(booted.rproc) is State.CRASHED
    assert recovery_threads()
    return booted


def recovery_threads() -> list[threading.Thread]:
    """Those that recover, or wait for it."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("rproc-recovery")]


def none_waits() -> bool:
    """Whether all threads that wait for a recovery end."""
    for thread in recovery_threads():
        thread.join(10)
    return not recovery_threads()


def test_a_shutdown_ends_the_wait_for_a_recovery() -> None:
    booted = in_back_off()
    booted.rproc.shutdown()
    assert state_of(booted.rproc) is State.OFFLINE
    assert none_waits()
    booted.work.close()


def test_a_shutdown_that_leaves_a_use_does_not() -> None:
    booted = in_back_off()
    booted.rproc.boot()
    booted.rproc.shutdown()
    assert recovery_threads()
    booted.__exit__()
    assert none_waits()


COMMANDS: dict[str, Callable[[RemoteProc], None]] = {
    "recover": RemoteProc.recover,
    "enabled": lambda rproc: rproc.set_recovery(AT_ONCE),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_recover_and_enabled_recover_at_once_whatever_the_wait(command: str) -> None:
    booted = in_back_off()
    COMMANDS[command](booted.rproc)
    assert state_of(booted.rproc) is State.RUNNING
    assert none_waits()
    booted.__exit__()


def test_disabled_ends_the_wait_and_leaves_it_crashed() -> None:
    booted = in_back_off()
    booted.rproc.set_recovery(OFF)
    assert none_waits()
    assert state_of(booted.rproc) is State.CRASHED
    assert booted.rproc.recovery is OFF
    booted.__exit__()


def test_a_recovery_that_came_too_late_does_nothing() -> None:
    with Recovering(AT_ONCE) as booted:
        entered, leave = threading.Event(), threading.Event()

        def hold() -> None:
            entered.set()
            leave.wait(10)

        booted.rproc.boot()
        booted.crash()
        booted.rproc.wait_state(State.RUNNING, timeout=10)
        booted.rproc.shutdown()
        # The stop holds the lock while the crash is reported, and is the last use.
        booted.core.while_stopping = hold
        stopping = threading.Thread(target=booted.rproc.shutdown)
        stopping.start()
        assert entered.wait(10)
        booted.rproc.report_crash()
        leave.set()
        stopping.join(10)
        booted.work.flush(10)
        assert none_waits()
        assert state_of(booted.rproc) is State.OFFLINE
        assert booted.rproc.num_crashes == 1


def test_a_recovery_leaves_the_work_thread_free() -> None:
    with Recovering(AT_ONCE) as booted:
        ran = threading.Event()
        booted.core.while_stopping = booted.core.while_starting = lambda: booted.work.flush(10)
        booted.crash()
        booted.rproc.wait_state(State.RUNNING, timeout=10)
        booted.work.submit(ran.set)
        assert ran.wait(10)
        assert "failed" not in str(booted.rproc.log)


def test_a_forked_child_cannot_recover_the_core() -> None:
    with Recovering() as booted:
        booted.crash()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                booted.rproc.recover()
            except ForkedError:
                code = 7
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert state_of(booted.rproc) is State.CRASHED
