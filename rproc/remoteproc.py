# SPDX-License-Identifier: Apache-2.0
"""A remote processor as a program sees it: the commands of its life cycle, and what can be seen of it."""

from collections.abc import Sequence
from pathlib import Path

from resource_tables import ElfImage, ResourceTable, parse
from rproc.boot import Numbers, Settings
from rproc.carveouts import CarveoutInfo
from rproc.config import MemoryConfig
from rproc.core import Core
from rproc.coredump import CoredumpConfig
from rproc.crash import Crash
from rproc.errors import NoTraceError, StateError, StateTimeoutError
from rproc.firmware import table_of
from rproc.lifecycle import LifeCycle
from rproc.recovery import Recovery
from rproc.state import State
from rproc.subdevice import Subdevice
from rproc.trace import TraceSnapshot, TraceStream
from virtio import Deadline, KernelLog, SharedMemory, VirtioDriver, WorkThread

#: Seconds that a core gets to stop by itself.
STOP_TIMEOUT = 2.0


class RemoteProc(LifeCycle):
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
        recovery: Recovery | None = None,
        coredump: CoredumpConfig | None = None,
        numbers: Numbers | None = None,
        index: int | None = None,
    ) -> None:
        numbers = numbers if numbers is not None else Numbers()
        log = log if log is not None else KernelLog()
        settings = Settings(
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
            log=log,
            work=work if work is not None else WorkThread(log=log),
        )
        super().__init__(
            settings,
            recovery if recovery is not None else Recovery(),
            coredump if coredump is not None else CoredumpConfig(),
            own_work=work is None,
            fatal_messages=on_violation == "crash",
        )
        self.log.info(settings.source, f"{name} is available")

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
    def uses(self) -> int:
        """How many shutdown() it takes until the core stops."""
        return self._power

    @property
    def firmware(self) -> str:
        """The name of the firmware of the next boot."""
        return self._settings.firmware

    @property
    def index(self) -> int:
        """The N of remoteprocN."""
        return self._settings.index

    @property
    def crash(self) -> Crash | None:
        """The last crash; None before the first."""
        return self._last_crash.crash if self._last_crash is not None else None

    @property
    def num_crashes(self) -> int:
        """How many crashes were handled."""
        return self._num_crashes

    @property
    def recovery(self) -> Recovery:
        """What is done after a crash."""
        return self._auto.policy

    @property
    def coredump(self) -> CoredumpConfig:
        """Whether a recovery dumps the memory, and where to."""
        return self._coredump

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

    def wait_crashes(self, num: int, timeout: float | None = None) -> None:
        """Wait until ``num`` crashes were handled; StateTimeoutError after ``timeout`` seconds.

        A core that recovers is crashed for so short a time that :meth:`wait_state` may miss it.
        """
        self._refuse_in_a_child()
        deadline = Deadline(timeout)
        with self._changed:
            if not self._changed.wait_for(lambda: self._num_crashes >= num, deadline.remaining()):
                raise StateTimeoutError(
                    f"{self.name} has crashed {self._num_crashes} times, not {num}, after {timeout} s"
                )

    def _look_at_trace(self, number: int) -> TraceSnapshot | None:
        boot = self._boot
        if boot is None:
            return None
        return TraceSnapshot(self._generation, self._state is State.RUNNING, boot.trace_view(number))
