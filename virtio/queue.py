# SPDX-License-Identifier: Apache-2.0
"""Split virtqueues in shared memory, one class for each role, over the SDK's C ring (ecusdk/ring.h).

Four verbs, one for each hand-over of a buffer: the driver offers and reaps, the device takes and gives.
"""

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from virtio._native import ffi, lib
from virtio.errors import QueueBrokenError, QueueFullError, QueueShapeError
from virtio.memory import SharedMemory


def vring_size(num: int, align: int) -> int:
    """Bytes of a ring (Linux: vring_size()); QueueShapeError for a shape that no ring can have.

    ``num`` descriptors, ``align`` bytes between the available and the used part. Thread safety: any thread.
    """
    fits = 0 <= num < 1 << 32 and 0 <= align < 1 << 32
    size = int(lib.ecu_vring_size(num, align)) if fits else 0
    if size == 0:
        raise QueueShapeError(f"no ring has {num} descriptors and alignment {align}")
    return size


def rule_name(rule: int) -> str:
    """Name of a rule of ecusdk/rules.h, such as USED_ID_RANGE. Thread safety: any thread."""
    return _text(lib.ecu_rule_name(rule))


def rule_text(rule: int) -> str:
    """One sentence that says what the peer did. Thread safety: any thread."""
    return _text(lib.ecu_rule_text(rule))


def _text(chars: Any) -> str:
    text: Any = ffi.string(chars)
    return str(text, "ascii")


class Buffer(NamedTuple):
    """One part of a chain: [da, da + size) in bytes; the device reads it, or writes it.

    Thread safety: immutable.
    """

    da: int
    size: int
    device_writes: bool = False


class Used(NamedTuple):
    """A chain that came back: the id from offer, bytes the device claims to have written, bytes offered.

    Thread safety: immutable.
    """

    id: int
    written: int
    offered: int


class Chain(NamedTuple):
    """A chain the device took: its id and parts. The da of each part is what the driver wrote: check it.

    Thread safety: immutable.
    """

    id: int
    parts: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """Counts of one driver queue; ``broken`` is the rule that its peer broke, empty while it is whole.

    Thread safety: immutable.
    """

    num: int  #: descriptors of the ring
    num_free: int  #: descriptors that offer can still use
    num_outstanding: int  #: chains offered and not reaped
    num_kicks: int  #: bells rung by kick_if_needed
    broken: str


class _Queue:
    """What both roles share: the mapped ring and the errors of the C half."""

    native: Any

    def __init__(self, memory: SharedMemory, da: int, num: int, align: int) -> None:
        size = vring_size(num, align)
        #: Keeps the memory mapped for the C half, whatever happens to ``memory``.
        self.area = memory.view(da, size)
        self.num = num
        self.align = align
        self.da = da
        self._ring: Any = ffi.new("struct ecu_vring *")
        base = ffi.cast("void *", memory.va(da, size))
        if lib.ecu_vring_map(self._ring, base, size, num, align) < 0:
            raise QueueShapeError(f"a ring of {num} descriptors, alignment {align}, cannot lie at {da:#x}")

    @property
    def broken(self) -> str:
        """Name of the rule that the peer broke; empty while the queue is whole."""
        rule = int(self.native.broken)
        return rule_name(rule) if rule else ""

    def _check(self, result: int, what: str) -> int:
        if result >= 0:
            return result
        if -result == errno.EIO:
            rule = int(self.native.broken)
            raise QueueBrokenError(rule_name(rule), rule_text(rule))
        if -result == errno.ENOSPC:
            raise QueueFullError(f"{what}: no room in a ring of {self.num} descriptors")
        raise OSError(-result, f"{what}: {os.strerror(-result)}")


class DriverQueue(_Queue):
    """The host's side of one ring; ``native`` is the ``struct ecu_driver *`` for the C half of other rooms.

    ``da`` is where the (zeroed) ring lies, ``kick`` rings the core for a notify id, ``event_idx`` says that
    both sides suppress bells by index instead of by flag. Raises QueueShapeError, OutsideMemoryError.
    Source: virtio 1.2, 2.7. Thread safety: none; the caller serialises.
    """

    def __init__(
        self,
        memory: SharedMemory,
        da: int,
        num: int,
        align: int,
        notifyid: int,
        kick: Callable[[int], None] | None = None,
        *,
        event_idx: bool = False,
    ) -> None:
        super().__init__(memory, da, num, align)
        self.notifyid = notifyid
        self._kick = kick
        self._num_kicks = 0
        self._slots: Any = ffi.new("struct ecu_driver_slot[]", num)
        self._reaped: Any = ffi.new("struct ecu_reaped *")
        self.native: Any = ffi.new("struct ecu_driver *")
        self._check(lib.ecu_driver_init(self.native, self._ring, self._slots), "ring")
        if event_idx:
            lib.ecu_driver_use_event_idx(self.native)

    def offer(self, buffers: Sequence[Buffer]) -> int:
        """Stage one chain, readable parts first, and return its id.

        Raises QueueFullError, QueueBrokenError, OSError (EINVAL: no parts, or in the wrong order).
        """
        return self._check(lib.ecu_driver_offer(self.native, _parts(buffers), len(buffers)), "offer")

    def publish(self) -> None:
        """Make all staged chains visible to the device."""
        lib.ecu_driver_publish(self.native)

    def kick_if_needed(self) -> bool:
        """Ring the core if it wants a bell for what was published; returns whether it was rung."""
        if not lib.ecu_driver_needs_kick(self.native):
            return False
        self._num_kicks += 1
        if self._kick is not None:
            self._kick(self.notifyid)
        return True

    def reap(self) -> Used | None:
        """Return the next chain that the device has given back, or None; QueueBrokenError."""
        if self._check(lib.ecu_driver_reap(self.native, self._reaped), "reap") == 0:
            return None
        return Used(int(self._reaped.id), int(self._reaped.len), int(self._reaped.offered))

    def listen(self) -> bool:
        """Ask for bells; returns whether there is something to reap already."""
        return bool(lib.ecu_driver_listen(self.native))

    def quiet(self) -> None:
        """Ask for no bells."""
        lib.ecu_driver_quiet(self.native)

    def statistics(self) -> QueueStatistics:
        """Return the counts as they are now."""
        outstanding = int(lib.ecu_driver_num_outstanding(self.native))
        return QueueStatistics(self.num, int(self.native.num_free), outstanding, self._num_kicks, self.broken)


class DeviceQueue(_Queue):
    """The core's side of one ring, for tests and tools written in Python; event_idx as for DriverQueue.

    Raises QueueShapeError, OutsideMemoryError. Source: virtio 1.2, 2.7.
    Thread safety: none; the caller serialises.
    """

    def __init__(
        self, memory: SharedMemory, da: int, num: int, align: int, *, event_idx: bool = False
    ) -> None:
        super().__init__(memory, da, num, align)
        self._parts: Any = ffi.new("struct ecu_buffer[]", num)
        self._chain: Any = ffi.new("struct ecu_chain *")
        self.native: Any = ffi.new("struct ecu_device *")
        self._check(lib.ecu_device_init(self.native, self._ring), "ring")
        if event_idx:
            lib.ecu_device_use_event_idx(self.native)

    def take(self) -> Chain | None:
        """Return the next available chain, or None; QueueBrokenError."""
        if self._check(lib.ecu_device_take(self.native, self._chain, self._parts, self.num), "take") == 0:
            return None
        parts = self._parts[0 : int(self._chain.num_parts)]
        return Chain(
            int(self._chain.id),
            tuple(Buffer(int(part.da), int(part.len), bool(part.device_writes)) for part in parts),
        )

    def give(self, id: int, written: int = 0) -> None:
        """Stage the return of a chain of which ``written`` bytes were written."""
        lib.ecu_device_give(self.native, id, written)

    def publish(self) -> None:
        """Make all staged returns visible to the driver."""
        lib.ecu_device_publish(self.native)

    def needs_kick(self) -> bool:
        """Whether the driver wants a bell for what was published."""
        return bool(lib.ecu_device_needs_kick(self.native))

    def listen(self) -> bool:
        """Ask for bells; returns whether there is something to take already."""
        return bool(lib.ecu_device_listen(self.native))

    def quiet(self) -> None:
        """Ask for no bells."""
        lib.ecu_device_quiet(self.native)


def _parts(buffers: Sequence[Buffer]) -> Any:
    parts = ffi.new("struct ecu_buffer[]", len(buffers))
    for part, (da, size, device_writes) in zip(parts, buffers, strict=True):
        part.da, part.len, part.device_writes = da, size, device_writes
    return parts
