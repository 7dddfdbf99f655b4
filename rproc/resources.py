# SPDX-License-Identifier: Apache-2.0
"""The pass over a resource table: what the firmware asks for becomes registered carveouts, traces and vdevs.

Source: Linux remoteproc_core.c: rproc_handle_resources and the handlers; remoteproc_virtio.c:
rproc_virtio_probe.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field

from resource_tables import (
    ADDR_ANY,
    Carveout,
    LiveTable,
    LoaderError,
    ResourceTable,
    Trace,
    Unknown,
    Vdev,
    Vring,
    buffer_name,
    check_table,
    parse,
    vring_name,
)
from resource_tables.checks_table import Memory
from rproc.carveouts import Carveout as Registered
from rproc.carveouts import Registry
from rproc.config import MemoryConfig
from virtio import Ida, KernelLog, vring_size

#: The control page has one bit for each notify id (ecusdk/handover.h: ECU_CTL_NOTIFY_MAX).
MAX_NOTIFY_IDS = 64


def platform_source(platform: int) -> str:
    """What the log lines of the platform device rproc-virtio.M.auto begin with. Thread safety: any thread."""
    return f"rproc-virtio rproc-virtio.{platform}.auto"


@dataclass(frozen=True, slots=True)
class VringPlan:
    """A ring to be: its shape, its size in bytes, its notify id, the carveout at whose start it lies.

    Thread safety: immutable.
    """

    num: int
    align: int
    size: int
    notifyid: int
    carveout: Registered


@dataclass(frozen=True, slots=True)
class VdevPlan:
    """A virtio device to be; ``index`` is the X of vdevXvringY, ``platform`` the M of rproc-virtio.M.auto.

    Thread safety: immutable.
    """

    index: int
    platform: int
    id: int
    vrings: tuple[VringPlan, ...]


@dataclass(slots=True, kw_only=True)
class Resources:
    """Everything one table asked for.

    Thread safety: none; the caller serialises.
    """

    table: ResourceTable
    cached: LiveTable  #: the host's copy, with notify ids
    registry: Registry
    traces: tuple[int, ...] = ()  #: table entries of the trace buffers
    vdevs: list[VdevPlan] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Where the pass logs: as the core, or as a platform device of it.

    Thread safety: any thread.
    """

    log: KernelLog
    source: str

    def failed(self, error: OSError) -> None:
        """Log Linux's line for an error; where Linux says nothing, the reason for whoever debugs."""
        line = getattr(error, "log", None)
        if line is not None:
            self.log.err(self.source, line)
        else:
            self.log.debug(self.source, str(error.strerror))


def handle_resources(
    table_bytes: bytes,
    config: MemoryConfig,
    new_platform: Callable[[], int],
    buffers: Callable[[int, int], int],
    reporter: Reporter,
) -> Resources:
    """Check the table and register what it asks for.

    ``new_platform()`` numbers a platform device, ``buffers(id, num)`` says how many bytes of buffers the
    driver of virtio id ``id`` wants for a first ring of ``num`` descriptors. A vdev whose rings Linux refuses
    is logged and left out. Raises LoaderError, CarveoutError. Thread safety: none; the caller serialises.
    """
    platform = {carveout.name: Memory(carveout.da, carveout.size) for carveout in config.carveouts}
    failures = check_table(table_bytes, iommu=False, platform=platform)
    # The first failure of an entry is the one that Linux meets.
    swallowed = {failure.subject.entry.index: failure for failure in reversed(failures)}
    resources = Resources(
        table=parse(table_bytes),
        cached=LiveTable(table_bytes, bytearray(table_bytes)),
        registry=Registry(config),
    )
    notify_ids = Ida()
    vdev_index = 0
    for index, entry in enumerate(resources.table):
        if isinstance(entry, Carveout):
            resources.registry.request_entry(index, entry.name, entry.da, entry.size)
        elif isinstance(entry, Trace):
            resources.traces += (index,)
        elif isinstance(entry, Unknown):
            _skip(entry, reporter)
        elif isinstance(entry, Vdev):
            prober = _VdevProber(resources, config, vdev_index, new_platform(), notify_ids, reporter)
            failure = swallowed.get(index)
            prober.probe(entry, failure.error() if failure is not None else None)
            vdev_index += 1
    for vdev in resources.vdevs:
        if vdev.vrings:
            resources.registry.request_buffer(buffer_name(vdev.index), buffers(vdev.id, vdev.vrings[0].num))
    return resources


def _skip(entry: Unknown, reporter: Reporter) -> None:
    signed = entry.type - (1 << 32) if entry.type >> 31 else entry.type
    kind = "vendor resource" if entry.is_vendor else "resource"
    reporter.log.warning(reporter.source, f"unsupported {kind} {signed}")


class _VdevProber:
    """The probe of one rproc-virtio platform device: all its rings get carveout and notify id, or none."""

    def __init__(
        self,
        resources: Resources,
        config: MemoryConfig,
        index: int,
        platform: int,
        notify_ids: Ida,
        reporter: Reporter,
    ) -> None:
        self._resources = resources
        self._config = config
        self._index = index
        self._platform = platform
        self._notify_ids = notify_ids
        self._reporter = reporter

    def probe(self, vdev: Vdev, refused: LoaderError | None) -> None:
        """Plan the vdev. A failure is only logged: the platform device is there, without a driver."""
        vrings: list[VringPlan] = []
        try:
            if refused is not None:
                raise refused
            for number, vring in enumerate(vdev.vrings):
                vrings.append(self._vring(number, vring))
        except OSError as error:
            self._reporter.failed(error)
            for number in reversed(range(len(vrings))):
                self._notify_ids.free(vrings[number].notifyid)
                self._resources.cached.release_vring(self._index, number)
            source = platform_source(self._platform)
            line = f"probe with driver rproc-virtio failed with error {-(error.errno or errno.EINVAL)}"
            self._reporter.log.err(source, line)
        else:
            plan = VdevPlan(self._index, self._platform, vdev.id, tuple(vrings))
            self._resources.vdevs.append(plan)

    def _vring(self, number: int, vring: Vring) -> VringPlan:
        name = vring_name(self._index, number)
        da = vring.da
        if da == 0 and self._config.zero_is_any:
            self._reporter.log.warning(self._reporter.source, f"{name}: da 0 taken as any address")
            da = ADDR_ANY
        size = vring_size(vring.num, vring.align)
        carveout = self._resources.registry.request_vring(name, da, size, vring.align)
        notifyid = self._notify_ids.alloc()
        if notifyid >= MAX_NOTIFY_IDS:
            self._notify_ids.free(notifyid)
            self._reporter.log.err(self._reporter.source, f"idr_alloc failed: {-errno.ENOSPC}")
            raise OSError(errno.ENOSPC, f"all {MAX_NOTIFY_IDS} notify ids are in use")
        self._resources.cached.set_notifyid(self._index, number, notifyid)
        return VringPlan(vring.num, vring.align, size, notifyid, carveout)
