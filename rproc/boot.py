# SPDX-License-Identifier: Apache-2.0
"""One boot: everything that is made for it, in Linux's order, all or nothing.

Source: Linux remoteproc_core.c (rproc_fw_boot, rproc_start, rproc_stop, rproc_shutdown).
"""

import errno
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from resource_tables import ElfImage, LiveTable
from rproc.carveouts import CarveoutInfo, place
from rproc.config import MemoryConfig
from rproc.core import BootInfo, Core, Exit
from rproc.coredump import Coredump, CoredumpMode, DumpIdentity, take_segments
from rproc.crash import CrashRecord
from rproc.errors import CarveoutError
from rproc.firmware import load_segments, loaded_table, table_of
from rproc.resources import Reporter, Resources, handle_resources
from rproc.subdevice import Subdevice
from rproc.vdev import RprocVdev, VdevContext
from virtio import (
    ClosedError,
    Doorbells,
    Ida,
    KernelLog,
    Lifeline,
    OutsideMemoryError,
    SharedMemory,
    VirtioDriver,
    WorkThread,
)


class Numbers:
    """The numbers of remoteproc, rproc-virtio and virtio devices: one object for all cores of a machine.

    Thread safety: any thread.
    """

    def __init__(self) -> None:
        self.remoteproc = Ida()
        self.platform = Ida()
        self.virtio = Ida()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stays the same from boot to boot; times in seconds.

    Thread safety: immutable.
    """

    core: Core
    name: str
    instance: str
    index: int
    firmware: str
    firmware_path: Path
    memory: MemoryConfig
    boot_timeout: float
    stop_timeout: float
    drivers: Sequence[VirtioDriver]
    subdevices: Sequence[Subdevice]
    numbers: Numbers
    log: KernelLog
    work: WorkThread

    @property
    def source(self) -> str:
        """What the log lines of this remote processor begin with."""
        return f"remoteproc remoteproc{self.index}"

    @property
    def parent_source(self) -> str:
        """What the log lines of its parent device, the machine's part of it, begin with."""
        return f"{self.core.kind}-rproc {self.name}"


def errno_of(error: BaseException) -> int:
    """Return the positive errno of an exception; EINVAL for one that has none. Thread safety: any thread."""
    number = error.errno if isinstance(error, OSError) else None
    return number or errno.EINVAL


class Boot:
    """One boot of one remote processor. ``run`` makes everything or nothing, ``stop`` undoes it.

    ``on_exit(boot, exit)`` is called when the core ends unasked (exit None: only the lifeline says so), by
    any thread; ``on_violation(boot, rule, text, fatal)`` when it breaks a rule.
    Thread safety: none; the caller serialises.
    """

    resources: Resources
    carveouts: tuple[CarveoutInfo, ...]
    #: The table in use: the host's copy, or the loaded one while the core runs (Linux: table_ptr).
    table: LiveTable

    def __init__(
        self,
        settings: Settings,
        on_exit: Callable[["Boot", Exit | None], None],
        on_violation: Callable[["Boot", str, str, bool], None],
    ) -> None:
        self._settings = settings
        self._on_exit = on_exit
        self._on_violation = on_violation
        self._reporter = Reporter(settings.log, settings.source)
        #: What lives until the processor is offline, recoveries included: the numbers of platform devices.
        self._resources_held = ExitStack()
        self._held = ExitStack()
        self._prepared = ExitStack()
        self._started = ExitStack()
        self._unwatch: Callable[[], None] | None = None
        self._crashed_stop = True
        #: Written by whoever sees a sign that the core is gone.
        self.record = CrashRecord()
        #: The host asked for the end: exits are expected from here on.
        self.ending = False

    # ---- boot ----

    def run(self) -> None:
        """Boot; whatever is raised, everything is undone in reverse order."""
        image = self._request()
        line = f"Booting fw image {self._settings.firmware}, size {len(image.data)}"
        self._settings.log.info(self._settings.source, line)
        with ExitStack() as resources_held:
            self._handle_resources(image, resources_held)
            with ExitStack() as held:
                self._allocate(held)
                self._bring_up(image, held)
                self._held, self._resources_held = held.pop_all(), resources_held.pop_all()

    def recover(self, crashed: "Boot") -> None:
        """Boot again after ``crashed``, whose core was stopped: in new memory with the same contents.

        The table is not read again. Whatever is raised, ``crashed`` still has what it had.
        Source: Linux remoteproc_core.c: rproc_boot_recovery, which keeps the memory.
        """
        image = self._request()
        self.resources = crashed.resources
        self.table = self.resources.cached
        with ExitStack() as held:
            with self._step("Failed to allocate associated carveouts"):
                self._own_memory(crashed.memory.copy(), held)
            self.carveouts = crashed.carveouts
            self._bring_up(image, held)
            self._held, self._resources_held = held.pop_all(), crashed._resources_held.pop_all()

    def _bring_up(self, image: ElfImage, held: ExitStack) -> None:
        self._identity = DumpIdentity(image.elf_class, image.machine, image.entry)
        self._load(image, held)
        with ExitStack() as prepared:
            self._prepare(prepared)
            self._start(image, prepared)
            self._start_subdevices()
            self._prepared = prepared.pop_all()

    def _request(self) -> ElfImage:
        settings = self._settings
        with self._step("request_firmware failed"):
            data = settings.core.request_firmware(settings.firmware, settings.firmware_path)
        with self._step(None):
            image = ElfImage.parse(data)
            settings.core.check(image)
        return image

    def _handle_resources(self, image: ElfImage, held: ExitStack) -> None:
        settings = self._settings
        with self._step(None):
            table_bytes = table_of(image)

        def new_platform() -> int:
            number = settings.numbers.platform.alloc()
            held.callback(settings.numbers.platform.free, number)
            return number

        with self._step("Failed to process resources"):
            self.resources = handle_resources(
                table_bytes, settings.memory, new_platform, self._buffers, self._reporter
            )
        self.table = self.resources.cached

    def _buffers(self, id: int, num: int) -> int:
        driver = next((driver for driver in self._settings.drivers if driver.id == id), None)
        return driver.buffers(num) if driver is not None else 0

    def _allocate(self, held: ExitStack) -> None:
        carveouts = self.resources.registry.carveouts
        with self._step("Failed to allocate associated carveouts", told=True):
            try:
                pieces = place(carveouts, self._settings.memory)
            except CarveoutError as error:
                self._cannot_place(error)
                raise
            self._own_memory(SharedMemory(self._settings.name, pieces), held)
        for carveout in carveouts:
            if carveout.entry is not None:
                self.resources.cached.set_carveout(carveout.entry, carveout.da, carveout.da, carveout.size)
        offset = self.memory.offset
        self.carveouts = tuple(CarveoutInfo(c.name, c.da, c.size, offset(c.da, c.need)) for c in carveouts)

    def _own_memory(self, memory: SharedMemory, held: ExitStack) -> None:
        self.memory = memory
        held.callback(self.memory.close)
        self.bells = Doorbells(self.memory)
        held.callback(self.bells.close)
        self.lifeline = Lifeline()
        held.callback(self.lifeline.close)
        # Whoever still waits for this boot wakes before the lifeline goes.
        held.callback(self.lifeline.cut)

    def _load(self, image: ElfImage, held: ExitStack) -> None:
        translate = self.resources.registry.translate
        with self._step("Failed to load program segments"):
            load_segments(image, self.memory, translate)
        place_of_table = loaded_table(image, self.memory, translate)
        self._table_size = 0
        if place_of_table is not None:
            cached = self.resources.cached.tobytes()
            self._table_size = len(cached)
            self.table = LiveTable(cached, place_of_table)
            self.table.copy_from(cached)
            # Nobody who still holds this boot shall hold its memory.
            held.callback(self._use_cached_table)

    def _prepare(self, prepared: ExitStack) -> None:
        context = VdevContext(
            memory=self.memory,
            bells=self.bells,
            lifeline=self.lifeline,
            log=self._settings.log,
            work=self._settings.work,
            registry=self.resources.registry,
            table=lambda: self.table,
            drivers=self._settings.drivers,
            virtio_numbers=self._settings.numbers.virtio,
            on_violation=functools.partial(self._on_violation, self),
        )
        vdevs = [RprocVdev(plan, context) for plan in self.resources.vdevs]
        self._subdevices: list[Subdevice] = [*self._settings.subdevices, *vdevs]
        with self._step(f"failed to prepare subdevices for {self._settings.name}"):
            for subdevice in self._subdevices:
                subdevice.prepare()
                prepared.callback(self._quietly, "unprepare", subdevice.unprepare)

    def _start(self, image: ElfImage, prepared: ExitStack) -> None:
        settings = self._settings
        section = image.table_section
        info = BootInfo(
            name=settings.name,
            instance=settings.instance,
            memory=self.memory,
            bells=self.bells,
            lifeline=self.lifeline,
            table_da=section.addr if section is not None and self._table_size else 0,
            table_size=self._table_size,
            entry=image.entry,
            firmware=image.data,
            firmware_path=settings.firmware_path / settings.firmware,
            timeout=settings.boot_timeout,
            log=settings.log,
            work=settings.work,
        )
        # Before the start, since an interrupt may come right behind it.
        prepared.callback(self._quietly, "stop", self._stop_core)
        self._core_runs = True
        with self._step(f"can't start rproc {settings.name}"):
            self._start_core(info)
        self._unwatch = settings.work.watch(self.lifeline.fileno(), self._lifeline_cut)
        prepared.callback(self._expect_end)

    def _start_core(self, info: BootInfo) -> None:
        try:
            self._settings.core.start(info, self._core_ended)
        except Exception:
            self._core_runs = False
            raise

    def _start_subdevices(self) -> None:
        with self._step(f"failed to probe subdevices for {self._settings.name}"), ExitStack() as started:
            for subdevice in self._subdevices:
                subdevice.start()
                started.callback(self._stop_subdevice, subdevice)
            self._started = started.pop_all()

    # ---- the core ends by itself ----

    def _core_ended(self, exit: Exit) -> None:
        self._on_exit(self, exit)

    def _lifeline_cut(self) -> None:
        # It stays readable for ever: once is enough.
        if self._unwatch is not None:
            self._unwatch()
        self._on_exit(self, None)

    # ---- stop ----

    def stop(self, crashed: bool) -> None:
        """Stop subdevices and core; memory and numbers stay. When the core's stop raises, try again."""
        settings = self._settings
        self._expect_end()
        self.stop_subdevices(crashed)
        self._use_cached_table()
        with self._step("can't stop rproc"):
            self._stop_core()
        self._prepared.close()
        settings.log.info(settings.source, f"stopped remote processor {settings.name}")

    def release(self) -> None:
        """Give back memory, bells and what else is held for a boot that was stopped."""
        self._held.close()
        self._resources_held.close()
        # They refer back to this object, and its memory shall not wait for the garbage collector.
        self._subdevices = []
        self._unwatch = None

    def stop_subdevices(self, crashed: bool) -> None:
        """Stop the subdevices that run, in reverse order; none the second time."""
        self._crashed_stop = crashed
        self._started.close()

    def _use_cached_table(self) -> None:
        self.table = self.resources.cached

    def _expect_end(self) -> None:
        self.ending = True
        if self._unwatch is not None:
            self._unwatch()

    def _stop_core(self) -> None:
        if self._core_runs:
            self._settings.core.stop(self._settings.stop_timeout)
            self._core_runs = False

    def _stop_subdevice(self, subdevice: Subdevice) -> None:
        self._quietly("stop", functools.partial(subdevice.stop, self._crashed_stop))

    # ---- what is left of a crash ----

    def dump(self, mode: CoredumpMode, *, sections: bool) -> Coredump:
        """Return the carveouts of a boot that was stopped as a core file, which outlives the boot.

        Raises OSError when there is no memory for a copy. Source: Linux remoteproc_coredump.c.
        """
        settings = self._settings
        say = functools.partial(settings.log.err, settings.source)
        segments = take_segments(self.memory, self.carveouts, copy=mode is CoredumpMode.ENABLED, say=say)
        return Coredump(settings.name, self._identity, segments, sections=sections)

    # ---- trace ----

    def trace_view(self, number: int) -> memoryview | None:
        """Return the memory of a trace buffer, looked up anew as in Linux; None where it is not available."""
        try:
            da, size = self.table.trace(self.resources.traces[number])
            return self.memory.view(da, size)
        except (OutsideMemoryError, ClosedError):
            return None

    # ---- log ----

    @contextmanager
    def _step(self, line: str | None, *, told: bool = False) -> Iterator[None]:
        """Log what Linux logs when a step fails: the check's own line unless ``told``, then the step's."""
        try:
            yield
        except Exception as error:
            log = self._settings.log
            if not told and isinstance(error, OSError):
                self._reporter.failed(error)
            if line is not None:
                log.err(self._settings.source, f"{line}: {-errno_of(error)}")
            raise

    def _cannot_place(self, error: CarveoutError) -> None:
        settings = self._settings
        settings.log.err(settings.parent_source, error.log or str(error.strerror))
        settings.log.err(settings.source, f"Unable to allocate carveout {error.carveout}: {-errno_of(error)}")

    def _quietly(self, what: str, fn: Callable[[], None]) -> None:
        """Undo one thing; a failure is logged, so that it neither hides the first error nor ends the rest."""
        try:
            fn()
        except Exception as error:
            line = f"{what} failed: {type(error).__name__}: {error}"
            self._settings.log.err(self._settings.source, line)
