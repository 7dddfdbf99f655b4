# SPDX-License-Identifier: Apache-2.0
"""One remote core of a machine: its life cycle, its log and its channels."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rpmsg import BusConfig, Channel, VirtioRpmsgBus
from rproc import (
    CoredumpConfig,
    CoredumpMode,
    DumpFolder,
    MemoryConfig,
    Numbers,
    PlatformCarveout,
    Recovery,
    RemoteProc,
    State,
    StateError,
)
from rprochost.settings import CoredumpSettings, CoreSettings, MemorySettings
from virtio.log import KernelLog
from virtio.work import WorkThread

if TYPE_CHECKING:
    from resource_tables import ResourceTable
    from rproc import CarveoutInfo, Core, Crash, TraceStream


def _memory_config(settings: MemorySettings) -> MemoryConfig:
    carveouts = tuple(PlatformCarveout(piece.name, piece.da, piece.size) for piece in settings.region)
    return MemoryConfig(settings.base, settings.limit, carveouts, settings.zero_is_any)


def _coredump_config(settings: CoredumpSettings) -> CoredumpConfig:
    folder = DumpFolder(settings.folder if settings.folder is not None else Path())
    return CoredumpConfig(mode=CoredumpMode(settings.mode), sections=settings.sections, to=folder)


class HostCore:
    """A remote core with its rpmsg bus, made by :meth:`Machine.add` or from a machine file.

    As in Linux every successful :meth:`start` needs a :meth:`stop` of its own. Thread safety: any thread.
    """

    def __init__(
        self,
        settings: CoreSettings,
        core: "Core",
        *,
        log: KernelLog,
        work: WorkThread,
        numbers: Numbers,
        on_channel: Callable[[], None],
    ) -> None:
        self.settings = settings
        #: The core's part of the machine's log.
        self.log = KernelLog(parent=log, level=settings.log_level)
        self.bus = VirtioRpmsgBus(
            BusConfig(
                buffer_size=settings.rpmsg.buffer_size,
                num=settings.rpmsg.num,
                tx_timeout=settings.rpmsg.tx_timeout,
                inbox=settings.rpmsg.inbox,
                spin_us=settings.wait.spin_us,
            )
        )
        self.bus.subscribe(lambda _event, _channel: on_channel())
        self._core = core
        self.rproc = RemoteProc(
            core,
            settings.firmware,
            name=settings.name,
            drivers=[self.bus],
            firmware_path=settings.search,
            memory=_memory_config(settings.memory),
            boot_timeout=settings.boot_timeout,
            stop_timeout=settings.stop_timeout,
            log=self.log,
            work=work,
            on_violation=settings.on_violation,
            recovery=Recovery(**asdict(settings.recovery)),
            coredump=_coredump_config(settings.coredump),
            numbers=numbers,
        )

    def __repr__(self) -> str:
        return f"<HostCore {self.name} ({self.kind}) {self.state.value}>"

    @property
    def name(self) -> str:
        """The name in the machine."""
        return self.settings.name

    @property
    def kind(self) -> str:
        """The kind of core: "process", "library", "python", or another's."""
        return self.settings.kind

    @property
    def firmware(self) -> str:
        """The firmware's file name, as sysfs shows it."""
        return self.rproc.firmware

    @property
    def firmware_path(self) -> Path:
        """Where the firmware lies."""
        return self.settings.search / self.rproc.firmware

    @property
    def state(self) -> State:
        """The life cycle's state; its value is the word in sysfs."""
        return self.rproc.state

    @property
    def pid(self) -> int | None:
        """The process number of a core that is a process, of its last start; None for other kinds."""
        pid = getattr(self._core, "pid", None)
        return pid if isinstance(pid, int) else None

    @property
    def crash(self) -> "Crash | None":
        """What ended the core, after a crash; None before the first."""
        return self.rproc.crash

    @property
    def table(self) -> "ResourceTable":
        """The resource table now, with what the host filled in."""
        return self.rproc.table

    @property
    def image_table(self) -> "ResourceTable":
        """The resource table as it stands in the firmware file."""
        return self.rproc.image_table

    @property
    def carveouts(self) -> "Sequence[CarveoutInfo]":
        """The memory map: name, device address, size and place of each carve-out, ring and buffer area."""
        return self.rproc.carveouts

    @property
    def channels(self) -> list[Channel]:
        """The channels that the core announces now."""
        return list(self.bus.channels)

    def trace(self, number: int = 0) -> "TraceStream":
        """Return trace buffer ``number`` as a stream; raises LookupError when the table has no such entry."""
        return self.rproc.trace(number)

    def start(self) -> None:
        """Boot the core, or count one more user of it.

        Raises what is wrong with firmware or core, everything undone; the exception carries ``core`` and
        ``firmware``, the name and the path.
        """
        try:
            self.rproc.boot()
        except Exception as error:
            vars(error).update(core=self.name, firmware=str(self.firmware_path))
            error.add_note(f"core {self.name}, firmware {self.firmware_path}")
            raise

    def stop(self) -> None:
        """Give up one use; the last one stops the core. Raises OSError EINVAL when it does not run."""
        self.rproc.shutdown()

    def stop_all(self) -> None:
        """Give up every use, so that the core stops; does nothing to a core that does not run."""
        # Asking the state first would race with another thread that stops it too.
        with contextlib.suppress(StateError):
            while True:
                self.rproc.shutdown()

    def recover(self) -> None:
        """Boot the core again after a crash, its uses kept; does nothing to a core that has not crashed.

        Raises what :meth:`start` and :meth:`stop` raise: a core that cannot be stopped stays crashed, one
        that does not boot is offline.
        """
        self.rproc.recover()

    def wait_state(self, state: State, timeout: float | None = None) -> None:
        """Wait until the core is in a state; TimeoutError after ``timeout`` seconds."""
        self.rproc.wait_state(state, timeout)

    def wait_channel(self, name: str, timeout: float | None = None) -> Channel:
        """Wait until this core announces a channel; TimeoutError after ``timeout`` seconds."""
        return self.bus.wait_channel(name, timeout)
