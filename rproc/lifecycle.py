# SPDX-License-Identifier: Apache-2.0
"""The life cycle of a remote processor: its state, its uses, and the commands that change them.

Source: Linux remoteproc_core.c (rproc_boot, rproc_shutdown, rproc_report_crash, rproc_crash_handler_work,
rproc_trigger_recovery).
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from resource_tables import ResourceTable
from rproc.boot import Boot, Settings, errno_of
from rproc.core import Exit
from rproc.coredump import CoredumpConfig, CoredumpMode
from rproc.crash import CrashRecord, CrashType
from rproc.errors import FirmwareNameError, StateError
from rproc.recovery import AutoRecovery, Recovery
from rproc.state import RULES, Command, State, allowed
from virtio import ClosedError, ForkedError, WaitTimeoutError, WorkThread


class LifeCycle:
    """State and commands of one remote processor; :class:`rproc.RemoteProc` adds what can be seen of it.

    One command at a time: a lock is held through a whole boot, shutdown or recovery. The work thread never
    waits for it, since a core may need that thread to stop. Thread safety: any thread.
    """

    def __init__(
        self,
        settings: Settings,
        recovery: Recovery,
        coredump: CoredumpConfig,
        *,
        own_work: bool,
        fatal_messages: bool,
    ) -> None:
        self.log = settings.log
        self._settings = settings
        self._own_work = own_work
        self._fatal_messages = fatal_messages
        self._pid = os.getpid()
        self._lifecycle = threading.Lock()
        self._changed = threading.Condition()
        self._state = State.OFFLINE
        self._power = self._generation = self._num_crashes = 0
        self._boot: Boot | None = None
        self._last_crash: CrashRecord | None = None
        self._image_table: ResourceTable | None = None
        self._coredump = coredump
        self._auto = AutoRecovery(recovery, settings.name, settings.log, settings.source)

    # ---- life cycle ----

    def boot(self) -> None:
        """Boot, or count one more user of a core that is up (or crashed).

        All or nothing: what fails is logged as Linux does, undone, and raised with Linux's errno.
        """
        with self._exclusive():
            rule = allowed(self._state, Command.START)
            self._power += rule.uses
            if rule.to is None:
                return
            try:
                self._power_up(rule.to)
            except BaseException:
                self._power -= rule.uses
                raise

    def _power_up(self, state: State) -> None:
        settings = self._settings
        settings.log.info(settings.source, f"powering up {settings.name}")
        boot = Boot(settings, self._core_ended, self._core_broke_rule)
        try:
            boot.run()
        except Exception as error:
            settings.log.err(settings.source, f"Boot failed: {-errno_of(error)}")
            raise
        self._image_table = boot.resources.table
        self._auto.loop.begin_anew()
        self._is_up(boot, state)

    def _is_up(self, boot: Boot, state: State) -> None:
        self._generation += 1
        self._auto.loop.up()
        self._boot = boot
        self._set_state(state)
        self.log.info(self._settings.source, f"remote processor {self._settings.name} is now up")

    def shutdown(self) -> None:
        """Give up one use; the last one stops the core, crashed or not.

        Raises StateError (EINVAL) when there is nothing to stop, and what the core's stop raises; the use is
        then kept, so that shutdown can be tried again.
        """
        with self._exclusive():
            rule, boot = allowed(self._state, Command.STOP), self._boot
            if self._power > 1 or rule.to is None or boot is None:
                self._power += rule.uses
                return
            # Whoever stops the last use does not want it back; one who fails can try again, or recover.
            self._auto.cancel()
            boot.stop(crashed=boot.record.crash is not None)
            self._is_down(boot, rule.to)

    def _is_down(self, boot: Boot, state: State) -> None:
        boot.release()
        self._power = 0
        self._boot = None
        self._set_state(state)

    def detach(self) -> None:
        """Let go of a core that goes on by itself; StateError (EINVAL) unless it is attached.

        No kind of core can be attached to so far, so this refuses in every state that there is.
        Source: Linux remoteproc_core.c: rproc_detach.
        """
        with self._exclusive():
            allowed(self._state, Command.DETACH)

    def set_firmware(self, name: str) -> None:
        """Say which firmware the next boot loads: ``name`` up to its first newline, as written to sysfs.

        Raises StateError (EBUSY) unless offline, FirmwareNameError (EINVAL) for an empty name; either is
        logged with Linux's line. Source: Linux remoteproc_core.c: rproc_set_firmware.
        """
        with self._exclusive():
            settings = self._settings
            try:
                allowed(self._state, Command.SET_FIRMWARE)
            except StateError:
                settings.log.err(settings.parent_source, "can't change firmware while running")
                raise
            # A NUL ends it, too: Linux takes a C string.
            firmware = name.partition("\0")[0].partition("\n")[0]
            if not firmware:
                settings.log.err(settings.parent_source, FirmwareNameError.log)
                raise FirmwareNameError
            self._settings = replace(settings, firmware=firmware)
            self._image_table = None

    # ---- recovery ----

    def recover(self) -> None:
        """Boot a crashed core again, in new memory with the contents of the old; else do nothing, as Linux.

        Uses stay counted. What fails is raised with Linux's errno: a core that cannot be stopped stays
        crashed; one that does not boot is offline, without a use (Linux keeps its uses and can never boot it
        again). Source: Linux remoteproc_core.c: rproc_trigger_recovery, rproc_boot_recovery.
        """
        with self._exclusive():
            self._recover_now()

    def set_recovery(self, recovery: Recovery) -> None:
        """Say what is done after a crash; a core that has crashed is recovered at once, unless disabled.

        Raises what :meth:`recover` raises. Source: Linux remoteproc_sysfs.c: recovery_store.
        """
        with self._exclusive():
            self._auto.policy = recovery
            if recovery.enabled:
                self._recover_now()
            else:
                self._auto.cancel()

    def _recover_now(self) -> None:
        if self._state is State.CRASHED:
            self._auto.cancel()
            self._auto.loop.begin_anew()
            self._recover()

    def _recover_when_due(self) -> None:
        """In a thread of its own: recover, unless a command came first."""
        try:
            with self._exclusive():
                if self._auto.is_due():
                    self._recover()
        except Exception as error:
            self.log.err(self._settings.source, f"recovery failed: {-errno_of(error)}")

    def _recover(self) -> None:
        settings, crashed = self._settings, self._boot
        state = allowed(self._state, Command.RECOVER).to
        if state is None or crashed is None:
            return
        settings.log.err(settings.source, f"recovering {settings.name}")
        crashed.stop(crashed=True)
        self._dump(crashed)
        self._set_state(State.OFFLINE)
        boot = Boot(settings, self._core_ended, self._core_broke_rule)
        try:
            boot.recover(crashed)
        except BaseException:
            self._is_down(crashed, State.OFFLINE)
            raise
        crashed.release()
        self._is_up(boot, state)

    def set_coredump(self, coredump: CoredumpConfig) -> None:
        """Say whether a recovery dumps the memory; StateError (EBUSY), logged with Linux's line, in a crash.

        Source: Linux remoteproc_sysfs.c: coredump_store.
        """
        with self._exclusive():
            try:
                allowed(self._state, Command.SET_COREDUMP)
            except StateError:
                self.log.err(self._settings.source, "can't change coredump configuration")
                raise
            self._coredump = coredump

    def _dump(self, crashed: Boot) -> None:
        """Dump what the crashed boot left; whatever goes wrong is logged, and the recovery goes on."""
        config, source = self._coredump, self._settings.source
        if config.mode is CoredumpMode.DISABLED:
            return
        try:
            path = config.to(crashed.dump(config.mode, sections=config.sections))
        except Exception as error:
            self.log.err(source, f"core dump failed: {type(error).__name__}: {error}")
            return
        if path is not None:
            self.log.info(source, f"core dump of {self._settings.name} is {path}")

    # ---- crash: reports come from any thread, the handler runs in the work thread ----

    def report_crash(self, type: CrashType = CrashType.FATAL_ERROR, cause: str = "reported") -> None:
        """Say that the core has crashed, from any thread. Ignored, as in Linux, unless the core runs."""
        boot = self._boot
        if boot is None or boot.record.crash is not None:
            self._log_crash(type)
        else:
            self._report(boot, type, cause, None)

    def _core_ended(self, boot: Boot, exit: Exit | None) -> None:
        cause = f"{exit.kind}: {exit.detail}" if exit is not None else "the core is gone"
        self._report(boot, CrashType.FATAL_ERROR, cause, exit)

    def _core_broke_rule(self, boot: Boot, rule: str, text: str, fatal: bool) -> None:
        if fatal or self._fatal_messages:
            self._report(boot, CrashType.FATAL_ERROR, f"{rule}: {text}", Exit("violation", text, rule=rule))

    def _report(self, boot: Boot, type: CrashType, cause: str, exit: Exit | None) -> None:
        # An end that was asked for is no crash; how a core ended that had crashed before is told by its stop.
        if boot.ending and boot.record.crash is None:
            return
        if boot.record.note(type, cause, exit):
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
            state = RULES[self._state, Command.CRASH].to
            if boot is None or not self._crash_pending() or state is None:
                return
            boot.record.handled = True
            self._last_crash = boot.record
            with self._changed:
                self._num_crashes += 1
                self._set_state(state)
            line = f"handling crash #{self._num_crashes} in {self._settings.name}"
            self.log.err(self._settings.source, line)
            boot.stop_subdevices(crashed=True)
            self._auto.crashed(self._recover_when_due)
        finally:
            self._lifecycle.release()

    def _crash_pending(self) -> bool:
        return self._boot is not None and self._boot.record.pending

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
            raise ForkedError(self._settings.name)

    def _set_state(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()
