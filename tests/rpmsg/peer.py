# SPDX-License-Identifier: Apache-2.0
"""A virtio device of id 7 whose core is this test: the other end of both rings, over the SDK's C."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rpmsg import BusConfig, Header, NsMessage, VirtioRpmsgBus
from rpmsg.wire import HEADER_SIZE, NS_ADDR
from virtio import (
    DeviceQueue,
    Doorbells,
    DriverQueue,
    KernelLog,
    Lifeline,
    SharedMemory,
    Surroundings,
    VirtioDevice,
    WorkThread,
)

NUM = 16
ALIGN = 64
RX_DA = 0x4000_0000
TX_DA = 0x4000_1000
POOL_DA = 0x4001_0000
POOL_SIZE = 1 << 20


class FakeTable:
    """The transport: what a vdev entry of a resource table holds."""

    def __init__(self, memory: SharedMemory, bells: Doorbells, features: int, num: int) -> None:
        self.status = 0
        self._offered = features
        self._queues = [(RX_DA, 0), (TX_DA, 1)]
        self._memory, self._bells, self._num = memory, bells, num

    def features(self) -> int:
        """What the core offers."""
        return self._offered

    def finalize_features(self, features: int) -> None:
        """What both use."""
        self.accepted = features

    def get_status(self) -> int:
        """The status byte."""
        return self.status

    def set_status(self, status: int) -> None:
        """The status byte."""
        self.status = status

    def reset(self) -> None:
        """Status 0."""
        self.status = 0

    def config_get(self, offset: int, size: int) -> bytes:
        """No configuration space: zeroes."""
        return bytes(size)

    def config_set(self, offset: int, data: bytes) -> None:
        """Refused."""
        raise IndexError("no configuration space")

    def find_vqs(self, num: int) -> list[DriverQueue]:
        """Both queues."""
        return [
            DriverQueue(self._memory, da, self._num, ALIGN, notifyid, self._bells.kick)
            for da, notifyid in self._queues[:num]
        ]

    def del_vqs(self) -> None:
        """Nothing to do."""
        pass


class Peer:
    """The core's side, and everything the bus lives in."""

    def __init__(self, config: BusConfig, features: int, num: int) -> None:
        self.memory = SharedMemory("peer", [(RX_DA, 0x1000), (TX_DA, 0x1000), (POOL_DA, POOL_SIZE)])
        self.bells = Doorbells(self.memory)
        self.lifeline = Lifeline()
        self.log = KernelLog()
        self.work = WorkThread("test-work")
        self.violations: list[tuple[str, bool]] = []
        self.table = FakeTable(self.memory, self.bells, features, num)
        surroundings = Surroundings(
            memory=self.memory,
            bells=self.bells,
            lifeline=self.lifeline,
            log=self.log,
            work=self.work,
            buffer_pool=lambda size: POOL_DA,
            on_violation=lambda rule, text, fatal: self.violations.append((rule, fatal)),
        )
        self.device = VirtioDevice(0, 7, self.table, surroundings)
        self.bus = VirtioRpmsgBus(config)
        self.device.register([self.bus])
        self.device.begin()
        self.to_host = DeviceQueue(self.memory, RX_DA, num, ALIGN)
        self.from_host = DeviceQueue(self.memory, TX_DA, num, ALIGN)

    def close(self) -> None:
        """Undo everything."""
        self.device.unregister(crashed=False)
        self.work.close()
        self.lifeline.close()
        self.bells.close()
        self.memory.close()

    def send_raw(self, data: bytes, used_len: int | None = None, *, ring: bool = True) -> None:
        """Fill one buffer with any bytes and claim any length."""
        chain = self.to_host.take()
        assert chain is not None, "the host has no free buffer"
        self.memory.view(chain.parts[0].da, len(data))[:] = data
        self.to_host.give(chain.id, len(data) if used_len is None else used_len)
        self.to_host.publish()
        if ring and self.to_host.needs_kick():
            self.ring()

    def ring(self) -> None:
        """Ring the host."""
        os.eventfd_write(self.bells.bell_out, 1)

    def send(self, src: int, dst: int, payload: bytes) -> None:
        """Send a well-formed message."""
        self.send_raw(Header(src, dst, 0, len(payload), 0).pack() + payload)

    def announce(self, name: bytes, addr: int, flags: int = 0) -> None:
        """Announce or (flags 1) destroy a service."""
        self.send(addr, NS_ADDR, NsMessage(name, addr, flags).pack())

    def receive(self) -> tuple[Header, bytes] | None:
        """Take the next message of the host, or None."""
        chain = self.from_host.take()
        if chain is None:
            return None
        data = bytes(self.memory.view(chain.parts[0].da, chain.parts[0].size))
        self.from_host.give(chain.id, len(data))
        self.from_host.publish()
        if self.from_host.needs_kick():
            self.ring()
        header = Header.unpack(data)
        return header, data[HEADER_SIZE : HEADER_SIZE + header.len]


def until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Wait for what other threads bring about; the time-out only ends a test that has failed."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.001)


@contextmanager
def running_peer(config: BusConfig | None = None, *, features: int = 1, num: int = NUM) -> Iterator[Peer]:
    """A probed bus and its peer."""
    peer = Peer(config or BusConfig(), features, num)
    try:
        yield peer
    finally:
        peer.close()
