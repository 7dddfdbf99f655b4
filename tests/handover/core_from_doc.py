#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A core written from docs/hand-over.md alone: announces ``rpmsg-echo`` and sends every message back.

Nothing of the SDK is used, so it fails when the SDK or the host departs from the document.
"""

import errno
import mmap
import os
import select
import socket
import struct
import sys

HELLO, READY, ERROR, RESET, RESET_DONE, STOP, STOPPED = 1, 2, 3, 6, 7, 9, 10
MAGIC = 0x48554345
DRIVER_OK = 4
ANSWER_ADDRESS = 1024
NAME_SERVICE = 53


class RefusedError(Exception):
    """The host broke a rule of HELLO; errno and text of the ERROR to send."""

    def __init__(self, error: int, text: str) -> None:
        super().__init__(text)
        self.error = error


class Memory:
    """The regions of HELLO, addressed by da."""

    def __init__(self, fd: int, regions: list[tuple[int, int, int]], control_offset: int) -> None:
        self._map = mmap.mmap(fd, os.fstat(fd).st_size)
        self._regions = regions
        self._control = control_offset

    def _place(self, da: int, size: int) -> int:
        for start, length, offset in self._regions:
            if start <= da and size <= length - (da - start):
                return offset + da - start
        raise RefusedError(errno.EFAULT, f"{size} bytes at da {da:#x} lie in no region")

    def read(self, da: int, size: int) -> bytes:
        """Bytes at a da."""
        place = self._place(da, size)
        return self._map[place : place + size]

    def write(self, da: int, data: bytes) -> None:
        """Put bytes at a da."""
        place = self._place(da, len(data))
        self._map[place : place + len(data)] = data

    def u16(self, da: int) -> int:
        """A 16-bit number at a da."""
        return int.from_bytes(self.read(da, 2), "little")

    def u32(self, da: int) -> int:
        """A 32-bit number at a da."""
        return int.from_bytes(self.read(da, 4), "little")

    def take_to_core(self) -> None:
        """Section 5, "a program without atomic operations": the caller looks everywhere."""
        self._map[self._control : self._control + 8] = bytes(8)

    def set_to_host(self, notify_id: int) -> None:
        """Set a bit of ``to_host``; the caller always rings."""
        word = slice(self._control + 64, self._control + 72)
        bits = int.from_bytes(self._map[word], "little") | 1 << notify_id
        self._map[word] = struct.pack("<Q", bits)


class Ring:
    """The device side of one vring, section 9."""

    def __init__(self, memory: Memory, entry_da: int) -> None:
        self.memory = memory
        self.da, align, self.num, self.notify_id = struct.unpack("<4I", memory.read(entry_da, 16))
        self.avail = self.da + 16 * self.num
        self.used = self.da + -(-(16 * self.num + 6 + 2 * self.num) // align) * align
        self.taken = 0
        self.returned = memory.u16(self.used + 2)

    def take(self) -> tuple[int, int, int] | None:
        """Id, da and length of the next buffer."""
        if self.taken == self.memory.u16(self.avail + 2):
            return None
        number = self.memory.u16(self.avail + 4 + 2 * (self.taken % self.num))
        self.taken = (self.taken + 1) % 0x10000
        da, length = struct.unpack("<QI", self.memory.read(self.da + 16 * number, 12))
        return number, da, length

    def give(self, number: int, written: int) -> bool:
        """Return a buffer; True when the host wants a bell for it."""
        self.memory.write(self.used + 4 + 8 * (self.returned % self.num), struct.pack("<II", number, written))
        self.returned = (self.returned + 1) % 0x10000
        self.memory.write(self.used + 2, struct.pack("<H", self.returned))
        return not self.memory.u16(self.avail) & 1


class Core:
    """One boot of the core."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.rings: tuple[Ring, Ring] | None = None
        self.table = 0

    # ---- control socket ----

    def send(self, kind: int, payload: bytes = b"") -> None:
        """Send a control message."""
        self.control.send(struct.pack("<II", 8 + len(payload), kind) + payload, socket.MSG_NOSIGNAL)

    def refuse(self, error: int, text: str) -> None:
        """Send ERROR."""
        data = text.encode()
        self.send(ERROR, struct.pack("<iI", error, len(data)) + data)

    def take_hello(self) -> None:
        """Receive HELLO and map what it describes; RefusedError when it breaks a rule."""
        packet, fds, _, _ = socket.recv_fds(self.control, 8192, 16)
        if len(packet) < 16 or struct.unpack_from("<IIII", packet)[:3] != (len(packet), HELLO, MAGIC):
            raise RefusedError(errno.EPROTO, "the first message is no HELLO")
        major, minor = struct.unpack_from("<HH", packet, 12)
        if major != 1:
            raise RefusedError(errno.EPROTO, f"the host speaks version {major}.{minor}, this core 1.0")
        mode, num, control_offset, self.table, table_size = struct.unpack_from("<IIQQI", packet, 16)
        if len(packet) < 112 + 32 * num or len(fds) < 3:
            raise RefusedError(errno.EPROTO, "HELLO is too short or has too few descriptors")
        if mode != 0:
            raise RefusedError(errno.EINVAL, "this core runs in real time only")
        regions = [struct.unpack_from("<QQQ", packet, 112 + 32 * i) for i in range(num)]
        self.memory = Memory(fds[0], [(da, size, offset) for da, size, offset in regions], control_offset)
        self.bell_in, self.bell_out = fds[1], fds[2]
        os.close(fds[0])
        os.set_blocking(self.bell_in, False)
        self.vdev = self.find_rpmsg_vdev(table_size)

    def find_rpmsg_vdev(self, table_size: int) -> int:
        """Address (da) of the first vdev entry of id 7."""
        self.memory.read(self.table, table_size)
        for i in range(self.memory.u32(self.table + 4)):
            entry: int = self.table + self.memory.u32(self.table + 16 + 4 * i)
            if self.memory.u32(entry) == 3 and self.memory.u32(entry + 4) == 7:
                return entry
        raise RefusedError(errno.ENODEV, "the resource table has no rpmsg vdev")

    # ---- bells and link ----

    def sleep(self) -> tuple[bool, bool]:
        """Sleep until the bell rings or the control socket has something; which of them."""
        control = self.control.fileno()
        ready = select.select([self.bell_in, control], [], [])[0]
        return self.bell_in in ready, control in ready

    def kick(self, ring: Ring) -> None:
        """Tell the host that a ring has something for it."""
        self.memory.set_to_host(ring.notify_id)
        os.write(self.bell_out, struct.pack("<Q", 1))

    def drain_bell(self) -> None:
        """Empty the pipe completely."""
        try:
            while os.read(self.bell_in, 4096):
                pass
        except BlockingIOError:
            pass

    def on_bell(self) -> None:
        """Hear as section 5 says: drain, take, then look at the status and the queues."""
        self.drain_bell()
        self.memory.take_to_core()
        up = bool(self.memory.read(self.vdev + 24, 1)[0] & DRIVER_OK)
        if up and self.rings is None:
            self.rings = Ring(self.memory, self.vdev + 28), Ring(self.memory, self.vdev + 48)
            if self.memory.u32(self.vdev + 16) & 1:
                self.say(NAME_SERVICE, struct.pack("<32sII", b"rpmsg-echo", ANSWER_ADDRESS, 0))
        elif not up:
            self.rings = None
        if self.rings is not None:
            self.answer_all(self.rings[1])

    # ---- rpmsg ----

    def say(self, dst: int, data: bytes) -> None:
        """Send a message, waiting for a buffer if need be."""
        while True:
            if self.rings is None:
                return
            ring = self.rings[0]
            buffer = ring.take()
            if buffer is not None:
                break
            self.wait()  # the host returns buffers and rings
        number, da, length = buffer
        data = data[: length - 16]
        self.memory.write(da, struct.pack("<IIIHH", ANSWER_ADDRESS, dst, 0, len(data), 0) + data)
        if ring.give(number, 16 + len(data)):
            self.kick(ring)

    def wait(self) -> None:
        """Sleep for a bell while an answer waits for a buffer; messages stay in their ring."""
        if self.sleep()[1]:
            self.rings = None  # STOP, RESET or hang-up: the loop reads it
        self.drain_bell()
        self.memory.take_to_core()

    def answer_all(self, ring: Ring) -> None:
        """Echo every message that is there."""
        while self.rings is not None and (buffer := ring.take()) is not None:
            number, da, length = buffer
            src, _, _, size, _ = struct.unpack("<IIIHH", self.memory.read(da, 16))
            data = self.memory.read(da + 16, min(size, length - 16))
            if ring.give(number, 0):
                self.kick(ring)
            self.say(src, data)

    # ---- life ----

    def run(self) -> int:
        """Live one boot; the exit status."""
        try:
            self.take_hello()
            self.send(READY)
            return self.loop()
        except RefusedError as refusal:
            self.refuse(refusal.error, str(refusal))
            return 1

    def loop(self) -> int:
        """Serve bells and control messages until the end; the exit status."""
        while True:
            rung, spoken_to = self.sleep()
            if rung:
                self.on_bell()
            if spoken_to:
                packet = self.control.recv(8192)
                if not packet:
                    return 1  # the host is gone
                kind = struct.unpack_from("<II", packet)[1]
                if kind == RESET:
                    self.rings = None
                    self.send(RESET_DONE)
                elif kind == STOP:
                    self.send(STOPPED)
                    return 0


def main() -> int:
    """Take the control socket from the environment."""
    number = os.environ.pop("ECUSDK_FD", "")
    if not number.isdigit():
        sys.stderr.write("core_from_doc.py is a remote core: a host starts it and sets ECUSDK_FD\n")
        return 2
    control = socket.socket(fileno=int(number))
    control.set_inheritable(False)
    return Core(control).run()


if __name__ == "__main__":
    sys.exit(main())
