# SPDX-License-Identifier: Apache-2.0
"""The virtio device model: a device on a transport, and the driver that is bound to it.

Source: Linux drivers/virtio/virtio.c (register_virtio_device, virtio_dev_probe, virtio_dev_remove). A device
of a resource table has 32 feature bits, so it is always a legacy device: no FEATURES_OK step.
"""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from virtio.bell import Doorbells
from virtio.lifeline import Lifeline
from virtio.log import KernelLog
from virtio.memory import SharedMemory
from virtio.queue import DriverQueue
from virtio.work import WorkThread

STATUS_ACKNOWLEDGE = 1
STATUS_DRIVER = 2
STATUS_DRIVER_OK = 4
STATUS_FAILED = 0x80

#: Feature bit: bells are suppressed by index instead of by flag (virtio 1.2, 2.7.10).
F_EVENT_IDX = 29

#: Transport features (bits 28 and up) that the ring code knows; INDIRECT_DESC is none of them.
SUPPORTED_TRANSPORT = 1 << F_EVENT_IDX


class Transport(Protocol):
    """What carries a virtio device; for a remote core that is the vdev entry of its resource table.

    Linux's twin is struct virtio_config_ops. Thread safety: none; the caller serialises.
    """

    def features(self) -> int:
        """Feature bits the device offers."""
        ...

    def finalize_features(self, features: int) -> None:
        """Tell the device the features in use."""
        ...

    def get_status(self) -> int:
        """Return the status byte."""
        ...

    def set_status(self, status: int) -> None:
        """Write the status byte."""
        ...

    def reset(self) -> None:
        """Set the status to 0 and nothing else."""
        ...

    def config_get(self, offset: int, size: int) -> bytes:
        """Copy ``size`` bytes out of the configuration space; IndexError outside it."""
        ...

    def config_set(self, offset: int, data: bytes) -> None:
        """Copy into the configuration space; IndexError outside it, nothing is copied then."""
        ...

    def find_vqs(self, num: int) -> list[DriverQueue]:
        """Set up the first ``num`` queues; NoQueueError (ENOMEM) when there are fewer."""
        ...

    def del_vqs(self) -> None:
        """Let the queues go."""
        ...


class VirtioDriver(Protocol):
    """A driver for the devices of one virtio id.

    ``features`` are the feature bits it knows, ``name`` is what the log calls it. One object drives one
    device at a time. Thread safety: probe and remove are called by one thread at a time.
    """

    id: int
    features: int
    name: str

    def probe(self, device: "VirtioDevice") -> None:
        """Take over the device; whatever is raised leaves the device without driver, status FAILED."""
        ...

    def remove(self, device: "VirtioDevice", crashed: bool) -> None:
        """Let the device go: reset it and forget its queues. ``crashed``: nobody answers any more."""
        ...

    def buffers(self, num: int) -> int:
        """Bytes of buffer area it wants for a device whose first queue has ``num`` descriptors."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a virtio device lives in: memory, bells and log of one boot of one core.

    ``buffer_pool(size)`` gives the device address of a buffer area of ``size`` bytes or raises PoolError;
    ``on_violation(rule, text, fatal)`` may be called by any thread. Thread safety: immutable.
    """

    memory: SharedMemory
    bells: Doorbells
    lifeline: Lifeline
    log: KernelLog
    work: WorkThread
    buffer_pool: Callable[[int], int]
    on_violation: Callable[[str, str, bool], None]


class VirtioDevice:
    """``virtioK``: an id, a transport, at most one driver.

    Thread safety: register and unregister belong to one thread at a time; violation from any thread.
    """

    def __init__(self, index: int, id: int, transport: Transport, surroundings: Surroundings) -> None:
        self.index = index
        self.name = f"virtio{index}"
        self.id = id
        self.transport = transport
        self.memory = surroundings.memory
        self.bells = surroundings.bells
        self.lifeline = surroundings.lifeline
        self.log = surroundings.log
        self.work = surroundings.work
        #: Feature bits in use, valid when the driver is probed.
        self.features = 0
        self.driver: VirtioDriver | None = None
        self._first_kick: Callable[[], None] | None = None
        self._surroundings = surroundings

    @property
    def source(self) -> str:
        """What its log lines begin with, such as ``virtio_rpmsg_bus virtio0``."""
        return f"{self.driver.name if self.driver else 'virtio'} {self.name}"

    def negotiate(self, driver_features: int) -> int:
        """Put into use what both sides know and tell the device; returns the bits (virtio_dev_probe)."""
        self.features = self.transport.features() & (driver_features | SUPPORTED_TRANSPORT)
        self.transport.finalize_features(self.features)
        return self.features

    def has_feature(self, bit: int) -> bool:
        """Whether a feature bit is in use."""
        return bool(self.features >> bit & 1)

    def find_vqs(self, num: int) -> list[DriverQueue]:
        """Set up the first ``num`` queues; NoQueueError (ENOMEM) when there are fewer."""
        return self.transport.find_vqs(num)

    def buffer_pool(self, size: int) -> int:
        """Device address of the buffer area, ``size`` bytes; PoolError (ENOMEM) when it is too small."""
        return self._surroundings.buffer_pool(size)

    def ready(self) -> None:
        """Set DRIVER_OK: the core may use the queues from here on. A second call does nothing."""
        if not self.transport.get_status() & STATUS_DRIVER_OK:
            self._add_status(STATUS_DRIVER_OK)

    def kick_when_registered(self, kick: Callable[[], None]) -> None:
        """For probe: leave the kick that lets the core begin to whoever registers the device.

        What the core says first then follows the registration, in the log too.
        """
        self._first_kick = kick

    def begin(self) -> None:
        """Give the first kick, if the driver left one; once."""
        kick, self._first_kick = self._first_kick, None
        if kick is not None:
            kick()

    def reset(self) -> None:
        """Set the status to 0: the core must not touch the queues any more."""
        self.transport.reset()

    def violation(self, rule: str, text: str, *, fatal: bool) -> None:
        """Report that the core broke a rule: ``fatal`` for the ring's, else the configured policy decides."""
        self._surroundings.on_violation(rule, text, fatal)

    def register(self, drivers: Sequence[VirtioDriver]) -> None:
        """Reset, acknowledge, and probe the first driver with this device's id.

        A probe that fails is logged and leaves status FAILED; as in Linux that is no error of the device.
        With no driver the status stays at ACKNOWLEDGE for ever. Only what is no Exception (Ctrl-C) passes
        through.
        """
        self.transport.reset()
        self._add_status(STATUS_ACKNOWLEDGE)
        driver = next((driver for driver in drivers if driver.id == self.id), None)
        if driver is None:
            return
        self._add_status(STATUS_DRIVER)
        self.driver = driver
        try:
            self.negotiate(driver.features)
            driver.probe(self)
        except Exception as error:
            self._probe_failed(driver, error)
        else:
            self.ready()

    def unregister(self, crashed: bool) -> None:
        """Remove the driver, then reset and acknowledge again (Linux: virtio_dev_remove)."""
        driver, self.driver = self.driver, None
        try:
            if driver is not None:
                driver.remove(self, crashed)
        except Exception as error:
            self.log.err(f"{driver.name if driver else ''} {self.name}", f"remove failed: {_describe(error)}")
        finally:
            self.transport.reset()
            self.transport.del_vqs()
            self._add_status(STATUS_ACKNOWLEDGE)

    def _probe_failed(self, driver: VirtioDriver, error: Exception) -> None:
        number = error.errno if isinstance(error, OSError) and error.errno else errno.EINVAL
        self.log.err(self.source, f"probe with driver {driver.name} failed with error {-number}")
        # The kernel stops at the number; whoever debugs firmware wants the reason too.
        self.log.debug(self.source, _describe(error))
        self.driver = None
        self._add_status(STATUS_FAILED)
        self.transport.del_vqs()

    def _add_status(self, bit: int) -> None:
        self.transport.set_status(self.transport.get_status() | bit)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
