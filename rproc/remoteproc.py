# SPDX-License-Identifier: Apache-2.0
"""A remote processor: its life cycle, and what can be seen of it.

Source: Linux remoteproc_core.c (rproc_boot, rproc_shutdown, rproc_report_crash, rproc_crash_handler_work).
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from resource_tables import ElfImage, ResourceTable, parse
from rproc.boot import Boot, Numbers, Settings, errno_of
from rproc.carveouts import CarveoutInfo
from rproc.config import MemoryConfig
from rproc.core import Core, Exit
from rproc.crash import Crash, CrashType
from rproc.errors import NoTraceError, StateError, StateTimeoutError
from rproc.firmware import table_of
from rproc.state import Event, State, next_state
from rproc.subdevice import Subdevice
from rproc.trace import TraceSnapshot, TraceStream
from virtio import (
    ClosedError,
    Deadline,
    ForkedError,
    KernelLog,
    SharedMemory,
    VirtioDriver,
    WaitTimeoutError,
    WorkThread,
)
from virtio.wait import SYSTEM_CLOCK

#: Seconds that a core gets to stop by itself.
STOP_TIMEOUT = 2.0


class RemoteProc:
    """A remote core and everything that its firmware's resource table asks for.

    ``drivers`` drive the virtio devices of the table, by virtio id. ``firmware`` is looked up by the core, in
    ``firmware_path``. ``on_violation`` "crash" makes broken rules of messages as fatal as those of rings.
    ``numbers`` is shared by all cores of a machine; without it (or ``index``) this is remoteproc0. Without
    ``work`` every boot has a work thread of its own, which ends with it. As in Linux every boot() that
    returns needs a shutdown() of its own. In a forked child boot, shutdown and wait_state raise
    virtio.ForkedError: the core is the parent's. Thread safety: any thread.
    """

    def __init__(
        self,
        core: Core,
        firmware: str,
        *,
        name: str,
        instance: str | None = None,
        drivers: Sequence[VirtioDriver] = (),
        subdevices: Sequence[Subdevice] = (),
        firmware_path: Path = Path(),
        memory: MemoryConfig | None = None,
        boot_timeout: float = 5.0,
        stop_timeout: float = STOP_TIMEOUT,
        log: KernelLog | None = None,
        work: WorkThread | None = None,
        on_violation: str = "drop",
        numbers: Numbers | None = None,
        index: int | None = None,
    ) -> None:
        numbers = numbers if numbers is not None else Numbers()
        self.log = log if log is not None else KernelLog()
        self._settings = Settings(
            core=core,
            name=name,
            instance=instance if instance is not None else name,
            index=numbers.remoteproc.alloc() if index is None else index,
            firmware=firmware,
            firmware_path=firmware_path,
            memory=memory if memory is not None else MemoryConfig(),
            boot_timeout=boot_timeout,
            stop_timeout=stop_timeout,
            drivers=tuple(drivers),
            subdevices=tuple(subdevices),
            numbers=numbers,
            log=self.log,
            work=work if work is not None else WorkThread(log=self.log),
        )
        self._own_work = work is None
        self._fatal_messages = on_violation == "crash"
        self._pid = os.getpid()
        # Held through a whole boot or shutdown. The work thread never waits for it: a core may need that
        # thread to stop.
        self._lifecycle = threading.Lock()
        self._changed = threading.Condition()
        self._state = State.OFFLINE
        self._power = self._generation = self._num_crashes = 0
        self._boot: Boot | None = None
        self._crash: Crash | None = None
        self._image_table: ResourceTable | None = None
        self.log.info(self._settings.source, f"{name} is available")

    # ---- what can be seen ----

    @property
    def name(self) -> str:
        """The name, as in sysfs."""
        return self._settings.name

    @property
    def core(self) -> Core:
        """The core it runs on."""
        return self._settings.core

    @property
    def state(self) -> State:
        """The state; its value is the word in sysfs."""
        return self._state

    @property
    def index(self) -> int:
        """The N of remoteprocN."""
        return self._settings.index

    @property
    def crash(self) -> Crash | None:
        """The last crash; None before the first."""
        return self._crash

    @property
    def num_crashes(self) -> int:
        """How many crashes were handled."""
        return self._num_crashes

    @property
    def memory(self) -> SharedMemory | None:
        """The shared memory of the current boot; None while there is none."""
        boot = self._boot
        return boot.memory if boot is not None else None

    @property
    def carveouts(self) -> tuple[CarveoutInfo, ...]:
        """The carveouts of the current boot in Linux's list order, rings and buffers included; else empty."""
        boot = self._boot
        return boot.carveouts if boot is not None else ()

    @property
    def table_bytes(self) -> bytes:
        """A copy of the table in use, the loaded one while the core runs; StateError when there is none."""
        boot = self._boot
        if boot is None:
            raise StateError(self._state.value, "reading the resource table")
        return boot.table.tobytes()

    @property
    def table(self) -> ResourceTable:
        """The table in use as values.

        Raises StateError when there is none, resource_tables.TableError when the core has spoiled it.
        """
        return parse(self.table_bytes)

    @property
    def image_table(self) -> ResourceTable:
        """The table as in the firmware file, which is read if no boot has done so yet."""
        if self._image_table is None:
            data = self.core.request_firmware(self._settings.firmware, self._settings.firmware_path)
            self._image_table = parse(table_of(ElfImage.parse(data)))
        return self._image_table

    def trace(self, number: int = 0) -> TraceStream:
        """Return a trace buffer as a stream; NoTraceError (LookupError) when the table has not so many."""
        num = len(self.image_table.traces)
        if not 0 <= number < num:
            raise NoTraceError(f"{self.name} has {num} trace buffers, there is no trace{number}")
        return TraceStream(number, lambda: self._look_at_trace(number))

    def wait_state(self, state: State, timeout: float | None = None) -> None:
        """Wait until the state is ``state``; StateTimeoutError after ``timeout`` seconds."""
        self._refuse_in_a_child()
        # Anything else would be waited for in vain.
        state = State(state)
        deadline = Deadline(timeout)
        with self._changed:
            if not self._changed.wait_for(lambda: self._state is state, deadline.remaining()):
                raise StateTimeoutError(
                    f"{self.name} is {self._state.value}, not {state.value}, after {timeout} s"
                )

    # ---- life cycle ----

    def boot(self) -> None:
        """Boot, or count one more user of a core that is up (or crashed).

        All or nothing: what fails is logged as Linux does, undone, and raised with Linux's errno.
        """
        with self._exclusive():
            self._power += 1
            if self._power > 1:
                return
            try:
                self._power_up()
            except BaseException:
                self._power -= 1
                raise

    def _power_up(self) -> None:
        settings = self._settings
        state = next_state(self._state, Event.BOOT)
        settings.log.info(settings.source, f"powering up {settings.name}")
        boot = Boot(settings, self._core_ended, self._core_broke_rule)
        try:
            boot.run()
        except Exception as error:
            settings.log.err(settings.source, f"Boot failed: {-errno_of(error)}")
            raise
        self._image_table = boot.resources.table
        self._generation += 1
        self._boot = boot
        self._set_state(state)
        settings.log.info(settings.source, f"remote processor {settings.name} is now up")

    def shutdown(self) -> None:
        """Give up one use; the last one stops the core, crashed or not.

        Raises StateError (EINVAL) when there is nothing to stop, and what the core's stop raises; the use is
        then kept, so that shutdown can be tried again.
        """
        with self._exclusive():
            state = next_state(self._state, Event.SHUTDOWN)
            if self._power > 1 or self._boot is None:
                self._power -= 1
                return
            boot = self._boot
            boot.stop(crashed=boot.crash is not None)
            self._power = 0
            self._boot = None
            self._set_state(state)

    def report_crash(self, type: CrashType = CrashType.FATAL_ERROR, cause: str = "reported") -> None:
        """Say that the core has crashed, from any thread. Ignored, as in Linux, unless the core runs."""
        boot = self._boot
        if boot is None or boot.crash is not None:
            self._log_crash(type)
        else:
            self._report(boot, type, cause, None)

    # ---- crash: reports come from any thread, the handler runs in the work thread ----

    def _core_ended(self, boot: Boot, exit: Exit | None) -> None:
        cause = f"{exit.kind}: {exit.detail}" if exit is not None else "the core is gone"
        self._report(boot, CrashType.FATAL_ERROR, cause, exit)

    def _core_broke_rule(self, boot: Boot, rule: str, text: str, fatal: bool) -> None:
        if fatal or self._fatal_messages:
            self._report(boot, CrashType.FATAL_ERROR, f"{rule}: {text}", Exit("violation", text, rule=rule))

    def _report(self, boot: Boot, type: CrashType, cause: str, exit: Exit | None) -> None:
        """Note the first sign of a crash in a boot; later ones only add what the core itself tells."""
        if boot.ending:
            return
        with self._changed:
            first = boot.crash is None
            if boot.crash is None:
                boot.crash = Crash(type=type, cause=cause, time_ns=SYSTEM_CLOCK.now_ns(), exit=exit)
            elif boot.crash.exit is None and exit is not None:
                boot.crash = replace(boot.crash, cause=cause, exit=exit)
            if boot.crash_handled:
                self._crash = boot.crash
        if first:
            self._log_crash(type)
            # Whoever waits for the core wakes now, not when the work thread comes round to it.
            boot.lifeline.cut()
            self._submit_crash()

    def _log_crash(self, type: CrashType) -> None:
        settings = self._settings
        settings.log.err(settings.source, f"crash detected in {settings.name}: type {type.value}")

    def _submit_crash(self) -> None:
        # Closed means that a shutdown came first: the crash ended with its boot.
        with suppress(ClosedError):
            self._settings.work.submit(self._handle_crash)

    def _handle_crash(self) -> None:
        # Whoever holds the lock looks for crashes when done.
        if not self._lifecycle.acquire(blocking=False):
            return
        try:
            boot = self._boot
            if boot is None or not self._crash_pending() or self._state is not State.RUNNING:
                return
            with self._changed:
                boot.crash_handled = True
                self._crash = boot.crash
                self._num_crashes += 1
            self._set_state(next_state(self._state, Event.CRASH))
            line = f"handling crash #{self._num_crashes} in {self.name}"
            self._settings.log.err(self._settings.source, line)
            boot.stop_subdevices(crashed=True)
        finally:
            self._lifecycle.release()

    def _crash_pending(self) -> bool:
        boot = self._boot
        return boot is not None and boot.crash is not None and not boot.crash_handled

    # ---- helpers ----

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        self._refuse_in_a_child()
        unused: WorkThread | None = None
        try:
            with self._lifecycle:
                try:
                    yield
                finally:
                    unused = self._take_unused_work()
        finally:
            # Without the lock, which a callback may wait for. One that runs on ends the thread on returning.
            if unused is not None:
                with suppress(WaitTimeoutError):
                    unused.close()
        if self._crash_pending():
            self._submit_crash()

    def _take_unused_work(self) -> WorkThread | None:
        """Take away the work thread that was made here unless a boot needs it; the lock is held."""
        if not self._own_work or self._boot is not None:
            return None
        unused = self._settings.work
        # A thread that was closed stays closed; one that nobody used yet is no thread.
        self._settings = replace(self._settings, work=WorkThread(log=self.log))
        return unused

    def _refuse_in_a_child(self) -> None:
        # The child has the parent's control socket: what it said there would stop the parent's core.
        if self._pid != os.getpid():
            raise ForkedError(self.name)

    def _set_state(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _look_at_trace(self, number: int) -> TraceSnapshot | None:
        boot = self._boot
        if boot is None:
            return None
        return TraceSnapshot(self._generation, self._state is State.RUNNING, boot.trace_view(number))
