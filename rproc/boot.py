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
from rproc.crash import Crash
from rproc.errors import CarveoutError
from rproc.firmware import load_segments, loaded_table, table_of
from rproc.resources import Reporter, handle_resources
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
        self._held = ExitStack()
        self._prepared = ExitStack()
        self._started = ExitStack()
        self._unwatch: Callable[[], None] | None = None
        self._crashed_stop = True
        #: Set once, by whoever sees the first sign that the core is gone.
        self.crash: Crash | None = None
        #: The host asked for the end: exits are expected from here on.
        self.ending = False
        self.crash_handled = False

    # ---- boot ----

    def run(self) -> None:
        """Boot; whatever is raised, everything is undone in reverse order."""
        image = self._request()
        with ExitStack() as held:
            self._handle_resources(image, held)
            self._allocate(held)
            self._load(image, held)
            with ExitStack() as prepared:
                self._prepare(prepared)
                self._start(image, prepared)
                self._start_subdevices()
                self._prepared = prepared.pop_all()
            self._held = held.pop_all()

    def _request(self) -> ElfImage:
        settings = self._settings
        with self._step("request_firmware failed"):
            data = settings.core.request_firmware(settings.firmware, settings.firmware_path)
        with self._step(None):
            image = ElfImage.parse(data)
            settings.core.check(image)
        settings.log.info(settings.source, f"Booting fw image {settings.firmware}, size {len(data)}")
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
        #: The table in use: the host's copy, or the loaded one while the core runs (Linux: table_ptr).
        self.table: LiveTable = self.resources.cached

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
            self.memory = SharedMemory(self._settings.name, pieces)
            held.callback(self.memory.close)
            self.bells = Doorbells(self.memory)
            held.callback(self.bells.close)
            self.lifeline = Lifeline()
            held.callback(self.lifeline.close)
            # Whoever still waits for this boot wakes before the lifeline goes.
            held.callback(self.lifeline.cut)
        for carveout in carveouts:
            if carveout.entry is not None:
                self.resources.cached.set_carveout(carveout.entry, carveout.da, carveout.da, carveout.size)
        offset = self.memory.offset
        self.carveouts = tuple(CarveoutInfo(c.name, c.da, c.size, offset(c.da, c.need)) for c in carveouts)

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
        """Stop subdevices and core, release everything; when the core's stop raises, try again."""
        settings = self._settings
        self._expect_end()
        self.stop_subdevices(crashed)
        self._use_cached_table()
        with self._step("can't stop rproc"):
            self._stop_core()
        self._prepared.close()
        settings.log.info(settings.source, f"stopped remote processor {settings.name}")
        self._held.close()
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
