# SPDX-License-Identifier: Apache-2.0
"""The host's side of the control socket: HELLO out, READY to STOPPED in; nothing that comes in is trusted.

Layout and types: ``ecusdk/handover.h``; the specification is docs/hand-over.md. When a core breaks a rule, a
:class:`CoreViolationError` with the rule's name is raised here, and whoever called ends the core.
"""

import array
import contextlib
import enum
import errno
import select
import socket
import struct
from dataclasses import dataclass
from typing import Any

from cores._native import ffi, lib
from cores.errors import CoreError, CoreViolationError
from rproc.core import BootInfo
from virtio.wait import SYSTEM_CLOCK, Clock

HEAD = struct.Struct("<II")
TEXT = struct.Struct("<IIiI")
TIME = struct.Struct("<IIQQ")
FAULT = struct.Struct("<IIiIQ")

#: Messages at once, and per second from then on: a heartbeat every 10 ms is more than anybody needs.
BURST_MESSAGES = 256
MESSAGES_PER_SECOND = 200.0
_BATCH = 64


class CtlType(enum.IntEnum):
    """Types of control messages (enum ecu_ctl_type). Thread safety: immutable."""

    HELLO = lib.ECU_CTL_HELLO
    READY = lib.ECU_CTL_READY
    ERROR = lib.ECU_CTL_ERROR
    STEP = lib.ECU_CTL_STEP
    STEPPED = lib.ECU_CTL_STEPPED
    RESET = lib.ECU_CTL_RESET
    RESET_DONE = lib.ECU_CTL_RESET_DONE
    DETACH = lib.ECU_CTL_DETACH
    STOP = lib.ECU_CTL_STOP
    STOPPED = lib.ECU_CTL_STOPPED
    HEARTBEAT = lib.ECU_CTL_HEARTBEAT
    FAULT = lib.ECU_CTL_FAULT


class Phase(enum.Enum):
    """Where the conversation stands. Thread safety: immutable."""

    BOOTING = "before READY"
    RUNNING = "running"
    STOPPING = "after STOP"
    ENDED = "after its last message"


_HOST_ONLY = {CtlType.HELLO, CtlType.STEP, CtlType.RESET, CtlType.DETACH, CtlType.STOP}
_KNOWN = {int(kind) for kind in CtlType}
_SIZE = {CtlType.ERROR: TEXT.size, CtlType.STEPPED: TIME.size, CtlType.FAULT: FAULT.size}
_ALIVE = {Phase.BOOTING, Phase.RUNNING, Phase.STOPPING}
#: In which phases a core may send what; STEPPED and RESET_DONE also need a question that is open.
_ALLOWED = {
    CtlType.READY: {Phase.BOOTING},
    CtlType.ERROR: _ALIVE,
    CtlType.STEPPED: {Phase.RUNNING, Phase.STOPPING},
    CtlType.RESET_DONE: {Phase.RUNNING, Phase.STOPPING},
    CtlType.STOPPED: {Phase.STOPPING},
    CtlType.HEARTBEAT: {Phase.RUNNING, Phase.STOPPING},
    CtlType.FAULT: _ALIVE,
}
_NEXT = {
    CtlType.READY: Phase.RUNNING,
    CtlType.ERROR: Phase.ENDED,
    CtlType.STOPPED: Phase.ENDED,
    CtlType.FAULT: Phase.ENDED,
}
_QUESTION = {CtlType.STEP: CtlType.STEPPED, CtlType.RESET: CtlType.RESET_DONE}


@dataclass(frozen=True, slots=True)
class CtlMessage:
    """One message of a core, checked for size and type; what does not belong to its type is 0 or empty.

    ``error`` is a positive errno, ``next_ns`` of STEPPED is in nanoseconds. Thread safety: immutable.
    """

    type: CtlType
    error: int = 0
    text: str = ""
    now_ns: int = 0
    next_ns: int = 0
    signal: int = 0
    fault_va: int = 0
    registers: tuple[int, ...] = ()


def parse(packet: bytes) -> CtlMessage | None:
    """Decode one packet; None for an unknown type, which is ignored. Raises CoreViolationError."""
    if len(packet) < HEAD.size:
        raise CoreViolationError("CTL_SIZE", f"sent a control message of {len(packet)} bytes, a head has 8")
    size, number = HEAD.unpack_from(packet)
    if size != len(packet):
        raise CoreViolationError("CTL_SIZE", f"sent {len(packet)} bytes whose size field says {size}")
    if number not in _KNOWN:
        return None
    kind = CtlType(number)
    if kind in _HOST_ONLY:
        raise CoreViolationError("CTL_TYPE", f"sent {kind.name}, which only a host may send")
    need = _SIZE.get(kind, HEAD.size)
    if size < need:
        raise CoreViolationError("CTL_SIZE", f"sent {kind.name} of {size} bytes, it needs {need}")
    return _decode(kind, packet)


def _decode(kind: CtlType, packet: bytes) -> CtlMessage:
    if kind is CtlType.ERROR:
        _, _, error, length = TEXT.unpack_from(packet)
        if length > min(len(packet) - TEXT.size, lib.ECU_CTL_TEXT_MAX):
            raise CoreViolationError(
                "CTL_SIZE", f"sent ERROR whose text of {length} bytes is not in the message"
            )
        text = packet[TEXT.size : TEXT.size + length].decode("utf-8", "replace")
        return CtlMessage(kind, error=error if 0 < error < 4096 else errno.EPROTO, text=text.rstrip("\0\n"))
    if kind is CtlType.STEPPED:
        _, _, now_ns, next_ns = TIME.unpack_from(packet)
        return CtlMessage(kind, now_ns=now_ns, next_ns=next_ns)
    if kind is CtlType.FAULT:
        _, _, signal, num, fault_va = FAULT.unpack_from(packet)
        if num > 64 or num * 8 > len(packet) - FAULT.size:
            raise CoreViolationError("CTL_SIZE", f"sent FAULT whose {num} registers are not in the message")
        registers = struct.unpack_from(f"<{num}Q", packet, FAULT.size)
        return CtlMessage(kind, signal=signal, fault_va=fault_va, registers=registers)
    return CtlMessage(kind)


def hello_packet(boot: BootInfo) -> bytes:
    """Build HELLO through the C struct, whose layout the compiler has checked. Raises CoreError (ENOSPC)."""
    regions = boot.memory.regions
    if len(regions) > lib.ECU_CTL_REGIONS_MAX:
        raise CoreError(
            errno.ENOSPC,
            f"{len(regions)} pieces of memory, a core is told of at most {lib.ECU_CTL_REGIONS_MAX}",
            hint="join carveouts in the resource table",
        )
    hello: Any = ffi.new("struct ecu_ctl_hello *")
    hello.head = {"size": ffi.sizeof("struct ecu_ctl_hello"), "type": lib.ECU_CTL_HELLO}
    hello.magic, hello.major, hello.minor = lib.ECU_CTL_MAGIC, lib.ECU_CTL_MAJOR, lib.ECU_CTL_MINOR
    hello.mode = lib.ECU_CTL_REAL_TIME
    hello.control_offset = boot.memory.control_offset
    hello.table_da, hello.table_size = boot.table_da, boot.table_size
    name = boot.name.encode("utf-8", "replace")[: lib.ECU_CTL_NAME_SIZE - 1]
    ffi.memmove(hello.name, name, len(name))
    hello.num_regions = len(regions)
    for slot, region in zip(hello.regions, regions, strict=False):
        slot.da, slot.size, slot.offset = region.da, region.size, region.offset
    return bytes(ffi.buffer(hello))


class Conversation:
    """One core's control socket, host's end, which this object owns.

    Thread safety: none; the caller serialises.
    """

    def __init__(self, sock: socket.socket, clock: Clock = SYSTEM_CLOCK) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._clock = clock
        self.phase = Phase.BOOTING
        self.hung_up = False
        self._open_questions: dict[CtlType, int] = {}
        self._tokens = float(BURST_MESSAGES)
        self._refilled = clock.now()

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once closed."""
        return self._sock.fileno()

    def greet(self, boot: BootInfo) -> None:
        """Send HELLO with the memory and the core's ends of the bells. Raises CoreError, OSError."""
        fds = array.array("i", [boot.memory.fd, boot.bells.core_end, boot.bells.bell_out])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
        self._sock.sendmsg([hello_packet(boot)], rights, socket.MSG_NOSIGNAL)

    def say(self, kind: CtlType, now_ns: int = 0) -> bool:
        """Send a message of the host; False when the core does not take it any more. Never blocks."""
        packet = HEAD.pack(HEAD.size, kind)
        if kind is CtlType.STEP:
            packet = TIME.pack(TIME.size, kind, now_ns, 0)
        try:
            self._sock.send(packet, socket.MSG_NOSIGNAL)
        except OSError:
            return False
        if kind in _QUESTION:
            answer = _QUESTION[kind]
            self._open_questions[answer] = self._open_questions.get(answer, 0) + 1
        if kind is CtlType.STOP and self.phase is Phase.RUNNING:
            self.phase = Phase.STOPPING
        return True

    def hear(self) -> list[CtlMessage]:
        """Return the messages that are there, at most 64; sets ``hung_up`` when the core has closed its end.

        Raises CoreViolationError; what came before the violation is lost, since the core is ended anyway.
        """
        messages = []
        for _ in range(_BATCH):
            packet = self._receive()
            if packet is None:
                break
            self._charge()
            message = parse(packet)
            if message is not None:
                self._admit(message.type)
                messages.append(message)
        return messages

    def close(self) -> None:
        """Hang up, whoever else holds a copy of the descriptor. May be called again."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _receive(self) -> bytes | None:
        # Without room for ancillary data the kernel drops descriptors that are sent to us and says so.
        try:
            packet, _, flags, _ = self._sock.recvmsg(lib.ECU_CTL_SIZE_MAX, 0)
        except BlockingIOError:
            return None
        except ConnectionError:
            self.hung_up = True
            return None
        if flags & socket.MSG_CTRUNC:
            raise CoreViolationError("CTL_FDS", "sent descriptors to the host")
        if flags & socket.MSG_TRUNC:
            limit = lib.ECU_CTL_SIZE_MAX
            raise CoreViolationError("CTL_SIZE", f"sent a control message of more than {limit} bytes")
        if not packet and self._peer_is_gone():
            self.hung_up = True
            return None
        return packet

    def _peer_is_gone(self) -> bool:
        """Tell a hang-up from a packet without bytes, which reads the same."""
        poll = select.poll()
        poll.register(self._sock.fileno(), select.POLLRDHUP)
        return bool(poll.poll(0))

    def _charge(self) -> None:
        now = self._clock.now()
        earned = (now - self._refilled) * MESSAGES_PER_SECOND
        self._tokens = min(self._tokens + earned, float(BURST_MESSAGES)) - 1
        self._refilled = now
        if self._tokens < 0:
            raise CoreViolationError(
                "CTL_FLOOD", f"sent more than {MESSAGES_PER_SECOND:.0f} control messages a second"
            )

    def _admit(self, kind: CtlType) -> None:
        if self.phase not in _ALLOWED[kind]:
            raise CoreViolationError("CTL_STATE", f"sent {kind.name} {self.phase.value}")
        if kind in _QUESTION.values():
            left = self._open_questions.get(kind, 0)
            if not left:
                raise CoreViolationError("CTL_STATE", f"sent {kind.name} without being asked")
            self._open_questions[kind] = left - 1
            self._tokens += 1
        self.phase = _NEXT.get(kind, self.phase)
