# SPDX-License-Identifier: Apache-2.0
"""A small host for tests: docs/hand-over.md seen from the other side, with the standard library only.

It gives the core a table with one rpmsg vdev and one trace buffer, plays the virtio driver of both rings, and
checks what comes back. Real hosts are in the room ``cores``; this one can also be wrong on purpose.
"""

import fcntl
import mmap
import os
import select
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

HELLO, READY, ERROR, RESET, RESET_DONE, STOP, STOPPED = 1, 2, 3, 6, 7, 9, 10
ANY = 0xFFFFFFFF
PAGE = 65536  # a multiple of every page size
TABLE_DA, TRACE_DA, RING_DA, BUFFER_DA = 0x200, 0x100000, (0x40000000, 0x40100000), 0x40200000
NUM, ALIGN, BUFFER_SIZE = 4, 16, 512
OWN_ADDRESS = 0x400
TIMEOUT = 20.0


def table_bytes() -> bytes:
    """Resource table as it stands in memory when the core starts: notify ids valid, ring addresses not."""
    vdev = struct.pack("<6I4B", 3, 7, 31, 1, 0, 0, 0, 2, 0, 0)
    vdev += b"".join(struct.pack("<5I", ANY, ALIGN, NUM, notify_id, 0) for notify_id in (5, 6))
    trace = struct.pack("<4I32s", 2, TRACE_DA, PAGE, 0, b"trace0")
    header = struct.pack("<4I2I", 1, 2, 0, 0, 24, 24 + len(trace))
    return header + trace + vdev


VDEV_DA = TABLE_DA + 24 + 48


class HostRing:
    """Driver side of one vring with its buffers."""

    def __init__(self, host: "Host", index: int) -> None:
        self.host = host
        self.da = RING_DA[index]
        self.avail = self.da + 16 * NUM
        self.used = self.da + -(-(16 * NUM + 6 + 2 * NUM) // ALIGN) * ALIGN
        self.buffers = BUFFER_DA + index * NUM * BUFFER_SIZE
        self.offered = self.reaped = 0
        host.write(self.da, bytes(self.used - self.da + 6 + 8 * NUM))

    def offer(self, number: int, length: int, flags: int) -> None:
        """Make buffer ``number`` available to the core."""
        da = self.buffers + number * BUFFER_SIZE
        self.host.write(self.da + 16 * number, struct.pack("<QIHH", da, length, flags, 0))
        self.host.write(self.avail + 4 + 2 * (self.offered % NUM), struct.pack("<H", number))
        self.offered += 1
        self.host.write(self.avail + 2, struct.pack("<H", self.offered & 0xFFFF))

    def reap(self) -> tuple[int, int] | None:
        """Take the next returned buffer: its number and the length the core wrote."""
        (index,) = struct.unpack("<H", self.host.read(self.used + 2, 2))
        if index == self.reaped & 0xFFFF:
            return None
        number, length = struct.unpack("<II", self.host.read(self.used + 4 + 8 * (self.reaped % NUM), 8))
        self.reaped += 1
        return number, length


class Host:
    """One boot of one process core."""

    def __init__(self) -> None:
        self.regions = [(0, PAGE, PAGE), (TRACE_DA, PAGE, 2 * PAGE)]
        self.regions += [(da, PAGE, (3 + i) * PAGE) for i, da in enumerate((*RING_DA, BUFFER_DA))]
        size = 6 * PAGE
        self.memory = os.memfd_create("test-host", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.memory, size)
        seals = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(self.memory, fcntl.F_ADD_SEALS, seals)
        self.map = mmap.mmap(self.memory, size)
        self.bell_read, self.bell_write = os.pipe2(os.O_CLOEXEC)
        self.event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.control, self.core_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(TIMEOUT)
        self.process: subprocess.Popen[bytes] | None = None
        self.free = list(range(NUM))
        self.write(TABLE_DA, table_bytes())

    # ---- memory, bells, control ----

    def place(self, da: int) -> int:
        """Offset of ``da`` in the memory."""
        return next(offset + da - start for start, size, offset in self.regions if start <= da < start + size)

    def read(self, da: int, size: int) -> bytes:
        """Bytes at ``da``."""
        return self.map[self.place(da) : self.place(da) + size]

    def write(self, da: int, data: bytes) -> None:
        """Put bytes at ``da``."""
        self.map[self.place(da) : self.place(da) + len(data)] = data

    def ring(self) -> None:
        """Ring without bits: look everywhere."""
        os.write(self.bell_write, b"\0")

    def wait_bell(self) -> None:
        """Sleep until the core rings."""
        if not select.select([self.event], [], [], TIMEOUT)[0]:
            raise TimeoutError("the core does not ring")
        os.eventfd_read(self.event)
        self.map[64:72] = bytes(8)

    def say(self, kind: int) -> None:
        """Send a message that is only a head."""
        self.control.send(struct.pack("<II", 8, kind))

    def hear(self) -> tuple[int, bytes]:
        """Receive a message: type and what follows the head; type 0 when the core hung up."""
        packet = self.control.recv(8192)
        if not packet:
            return 0, b""
        size, kind = struct.unpack_from("<II", packet)
        if size != len(packet):
            raise AssertionError(f"{len(packet)} bytes whose size field says {size}")
        return kind, packet[8:]

    def hear_error(self) -> tuple[int, str]:
        """Expect ERROR: errno and text."""
        kind, payload = self.hear()
        error, length = struct.unpack_from("<iI", payload)
        if kind != ERROR or len(payload) != 8 + length:
            raise AssertionError(f"type {kind} of {len(payload)} bytes instead of ERROR")
        return error, payload[8:].decode()

    # ---- life ----

    def start(self, command: Sequence[str]) -> None:
        """Start the core's process; it waits for HELLO."""
        number = self.core_control.fileno()
        environment = os.environ | {"ECUSDK_FD": str(number)}
        self.process = subprocess.Popen(command, env=environment, pass_fds=[number])
        self.core_control.close()

    def greet(self, *, major: int = 1, mode: int = 0) -> None:
        """Send HELLO."""
        fields = (0x48554345, major, 0, mode, len(self.regions), 0, TABLE_DA, len(table_bytes()), 0, b"door")
        body = struct.pack("<IHHIIQQII64s", *fields)
        body += b"".join(struct.pack("<QQQII", *region, 0, 0) for region in self.regions)
        fds = [self.memory, self.bell_read, self.event]
        socket.send_fds(self.control, [struct.pack("<II", 8 + len(body), HELLO) + body], fds)

    def link_up(self) -> None:
        """Bring the vdev up as Linux does: rings, buffers, addresses, status 7, bell."""
        self.to_host, self.to_core = HostRing(self, 0), HostRing(self, 1)
        self.free = list(range(NUM))
        for number in range(NUM):
            self.to_host.offer(number, BUFFER_SIZE, 2)
        for index, da in enumerate(RING_DA):
            self.write(VDEV_DA + 28 + 20 * index, struct.pack("<I", da))
        self.write(VDEV_DA + 16, struct.pack("<I", 1))
        self.write(VDEV_DA + 24, b"\x07")
        self.ring()

    def reset(self) -> None:
        """Take the link down by RESET."""
        self.write(VDEV_DA + 24, b"\0")
        self.say(RESET)

    def exit_status(self) -> int:
        """Wait for the end of the process."""
        if self.process is None:
            raise AssertionError("no process was started")
        return self.process.wait(TIMEOUT)

    def close(self) -> None:
        """End everything, the process by force."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.control.close()
        self.core_control.close()
        self.map.close()
        for fd in (self.memory, self.bell_read, self.bell_write, self.event):
            os.close(fd)

    # ---- rpmsg ----

    def send(self, dst: int, data: bytes) -> bool:
        """Send a message from OWN_ADDRESS; False when all buffers are with the core."""
        while (reaped := self.to_core.reap()) is not None:
            self.free.append(reaped[0])
        if not self.free:
            return False
        number = self.free.pop(0)
        header = struct.pack("<IIIHH", OWN_ADDRESS, dst, 0, len(data), 0)
        self.write(self.to_core.buffers + number * BUFFER_SIZE, header + data)
        self.to_core.offer(number, 16 + len(data), 0)
        self.ring()
        return True

    def receive(self) -> tuple[int, int, bytes]:
        """Wait for a message: src, dst, payload; its buffer goes back to the core."""
        while (reaped := self.to_host.reap()) is None:
            self.wait_bell()
        number, _ = reaped
        da = self.to_host.buffers + number * BUFFER_SIZE
        src, dst, _, length, _ = struct.unpack("<IIIHH", self.read(da, 16))
        data = self.read(da + 16, length)
        self.to_host.offer(number, BUFFER_SIZE, 2)
        self.ring()
        return src, dst, data


@contextmanager
def booted(command: Sequence[str]) -> Iterator[Host]:
    """Run a host whose core has said READY."""
    host = Host()
    try:
        host.start(command)
        host.greet()
        kind, payload = host.hear()
        if kind != READY:
            raise AssertionError(f"type {kind} instead of READY: {payload!r}")
        yield host
    finally:
        host.close()
