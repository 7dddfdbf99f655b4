# SPDX-License-Identifier: Apache-2.0
"""A virtio device on a vdev entry of the resource table (Linux: remoteproc_virtio.c)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resource_tables import ConfigSpaceError, LiveTable, buffer_name
from rproc.carveouts import Registry
from rproc.resources import VdevPlan, platform_source
from virtio import (
    F_EVENT_IDX,
    PAGE_SIZE,
    ConfigError,
    Doorbells,
    DriverQueue,
    Ida,
    KernelLog,
    Lifeline,
    NoQueueError,
    PoolError,
    SharedMemory,
    Surroundings,
    VirtioDevice,
    VirtioDriver,
    WorkThread,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VdevContext:
    """What all vdevs of one boot share; ``table()`` is the table in use, the loaded one where there is one.

    Thread safety: immutable.
    """

    memory: SharedMemory
    bells: Doorbells
    lifeline: Lifeline
    log: KernelLog
    work: WorkThread
    registry: Registry
    table: Callable[[], LiveTable]
    drivers: Sequence[VirtioDriver]
    virtio_numbers: Ida
    on_violation: Callable[[str, str, bool], None]


class VdevTransport:
    """The virtio operations on one vdev entry.

    The status is kept privately, the byte in the table is for the core to read: what the core writes there
    changes nothing here. Thread safety: none; the caller serialises.
    """

    def __init__(self, plan: VdevPlan, context: VdevContext) -> None:
        self._plan = plan
        self._context = context
        self._status = 0
        self._features = 0
        self._source = platform_source(plan.platform)
        #: The queues in use.
        self.queues: list[DriverQueue] = []

    def features(self) -> int:
        """Feature bits 0 to 31 as the firmware offers them."""
        return self._context.table().dfeatures(self._plan.index)

    def finalize_features(self, features: int) -> None:
        """Write gfeatures; the queues that are found afterwards keep to them."""
        self._features = features
        self._context.table().set_gfeatures(self._plan.index, features)

    def get_status(self) -> int:
        """Return the status byte as the host last wrote it."""
        return self._status

    def set_status(self, status: int) -> None:
        """Write the status byte."""
        self._status = status
        self._context.table().set_status(self._plan.index, status)

    def reset(self) -> None:
        """Write status 0; rings, gfeatures and addresses stay, as in Linux."""
        self.set_status(0)

    def config_get(self, offset: int, size: int) -> bytes:
        """Copy out of the configuration space; ConfigError and Linux's line outside it."""
        try:
            return self._context.table().config_get(self._plan.index, offset, size)
        except ConfigSpaceError as error:
            raise self._out_of_bounds(error) from None

    def config_set(self, offset: int, data: bytes) -> None:
        """Copy into the configuration space; ConfigError and Linux's line outside it."""
        try:
            self._context.table().config_set(self._plan.index, offset, data)
        except ConfigSpaceError as error:
            raise self._out_of_bounds(error) from None

    def find_vqs(self, num: int) -> list[DriverQueue]:
        """Zero the first ``num`` rings, lay a queue over each and tell the core where it is.

        Raises NoQueueError, QueueShapeError (Linux: rp_find_vq).
        """
        if num > len(self._plan.vrings):
            raise NoQueueError(
                f"vdev {self._plan.index} has {len(self._plan.vrings)} vrings, {num} are needed"
            )
        self.queues = [self._find_vq(number) for number in range(num)]
        return list(self.queues)

    def del_vqs(self) -> None:
        """Let the queues go."""
        self.queues = []

    def _find_vq(self, number: int) -> DriverQueue:
        vring = self._plan.vrings[number]
        da = vring.carveout.da
        area = self._context.memory.view(da, vring.size)
        area[:] = bytes(vring.size)
        queue = DriverQueue(
            self._context.memory,
            da,
            vring.num,
            vring.align,
            vring.notifyid,
            self._context.bells.kick,
            event_idx=bool(self._features >> F_EVENT_IDX & 1),
        )
        self._context.table().set_vring_da(self._plan.index, number, da)
        return queue

    def _out_of_bounds(self, error: ConfigSpaceError) -> ConfigError:
        self._context.log.err(self._source, str(error))
        return ConfigError(str(error))


class RprocVdev:
    """The subdevice of one vdev entry: starts and stops its virtio device.

    Thread safety: none; the caller serialises.
    """

    def __init__(self, plan: VdevPlan, context: VdevContext) -> None:
        self.plan = plan
        self.device: VirtioDevice | None = None
        self._context = context
        self._source = platform_source(plan.platform)

    def prepare(self) -> None:
        """Nothing: rings and buffers were allocated with the other carveouts."""

    def unprepare(self) -> None:
        """Nothing to undo."""

    def start(self) -> None:
        """Register the virtio device, which probes its driver (Linux: rproc_add_virtio_dev)."""
        pool = self._context.registry.find(buffer_name(self.plan.index))
        if pool is not None and pool.pool:
            self._context.log.warning(self._source, f"vdev {self.plan.index} buffer already mapped")
        context = self._context
        self.device = VirtioDevice(
            context.virtio_numbers.alloc(),
            self.plan.id,
            VdevTransport(self.plan, context),
            Surroundings(
                memory=context.memory,
                bells=context.bells,
                lifeline=context.lifeline,
                log=context.log,
                work=context.work,
                buffer_pool=self._buffer_pool,
                on_violation=context.on_violation,
            ),
        )
        try:
            self.device.register(context.drivers)
        except BaseException:
            self.stop(crashed=True)
            raise
        context.log.info(self._source, f"registered {self.device.name} (type {self.plan.id})")
        self.device.begin()

    def stop(self, crashed: bool) -> None:
        """Unregister the virtio device; does nothing when there is none (Linux: rproc_remove_virtio_dev)."""
        device, self.device = self.device, None
        if device is not None:
            device.unregister(crashed)
            self._context.virtio_numbers.free(device.index)

    def _buffer_pool(self, size: int) -> int:
        """Device address of the buffers of this vdev; the same at every call, a vdev has one driver."""
        name = buffer_name(self.plan.index)
        pool = self._context.registry.find(name)
        if pool is None:
            raise PoolError(f"there is no carveout {name} for {size} bytes of buffers")
        need = _pool_allocation(size) if pool.pool else size
        if need > pool.size:
            raise PoolError(
                f"carveout {name} has {pool.size} bytes, {need} are needed for {size} bytes of buffers"
            )
        return pool.da


def _pool_allocation(size: int) -> int:
    """Bytes that an allocation takes in a declared pool: a power-of-two number of pages.

    Source: Linux kernel/dma/coherent.c: __dma_alloc_from_coherent.
    """
    pages = -(-size // PAGE_SIZE)
    return PAGE_SIZE << max(pages - 1, 0).bit_length()
