# SPDX-License-Identifier: Apache-2.0
"""Shared memory, virtqueues, doorbells, waiting, and the virtio device model.

What the room does, from the bottom up:

* ``wait``: Clock, Deadline and Wait, through which all waiting of the host's Python goes. ``work``: the work
  thread. ``log``: the kernel-like log. ``ida``: small numbers.
* ``memory``: one sealed memfd for one boot of one core, and the bounds-checked door to it. ``bell``: the
  doorbells. ``lifeline``: whether the core is still there.
* ``queue``: split virtqueues, one class for each role, over the SDK's C ring.
* ``device``: VirtioDevice on a Transport, and what a VirtioDriver must offer.

What it refuses to do: it knows no resource table and no message format, keeps no bookkeeping in shared
memory, and computes no ring layout in Python.

Assumptions: Linux, a little-endian host, legacy virtio devices with 32 feature bits. Not modelled: packed
virtqueues, INDIRECT_DESC, the configuration-change interrupt.
"""

from virtio.bell import Doorbells
from virtio.device import (
    F_EVENT_IDX,
    STATUS_ACKNOWLEDGE,
    STATUS_DRIVER,
    STATUS_DRIVER_OK,
    STATUS_FAILED,
    Surroundings,
    Transport,
    VirtioDevice,
    VirtioDriver,
)
from virtio.errors import (
    ClosedError,
    ConfigError,
    ForkedError,
    MemoryLayoutError,
    NoQueueError,
    OutsideMemoryError,
    PoolError,
    QueueBrokenError,
    QueueFullError,
    QueueShapeError,
    VirtioError,
    WaitTimeoutError,
)
from virtio.ida import Ida
from virtio.lifeline import Lifeline
from virtio.log import KernelLog, LogLine
from virtio.memory import PAGE_SIZE, Region, SharedMemory
from virtio.queue import (
    Buffer,
    Chain,
    DeviceQueue,
    DriverQueue,
    QueueStatistics,
    Used,
    rule_name,
    rule_text,
    vring_size,
)
from virtio.wait import Clock, Deadline, SystemClock, Wait
from virtio.work import WorkThread

__all__ = [
    "F_EVENT_IDX",
    "PAGE_SIZE",
    "STATUS_ACKNOWLEDGE",
    "STATUS_DRIVER",
    "STATUS_DRIVER_OK",
    "STATUS_FAILED",
    "Buffer",
    "Chain",
    "Clock",
    "ClosedError",
    "ConfigError",
    "Deadline",
    "DeviceQueue",
    "Doorbells",
    "DriverQueue",
    "ForkedError",
    "Ida",
    "KernelLog",
    "Lifeline",
    "LogLine",
    "MemoryLayoutError",
    "NoQueueError",
    "OutsideMemoryError",
    "PoolError",
    "QueueBrokenError",
    "QueueFullError",
    "QueueShapeError",
    "QueueStatistics",
    "Region",
    "SharedMemory",
    "Surroundings",
    "SystemClock",
    "Transport",
    "Used",
    "VirtioDevice",
    "VirtioDriver",
    "VirtioError",
    "Wait",
    "WaitTimeoutError",
    "WorkThread",
    "rule_name",
    "rule_text",
    "vring_size",
]
