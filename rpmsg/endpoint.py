# SPDX-License-Identifier: Apache-2.0
"""Endpoints: send and receive, one native call for each message or batch."""

import errno
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from rpmsg._native import ffi, lib
from rpmsg.errors import EndpointClosedError, MessageTooLongError, RpmsgError, failure
from rpmsg.wire import ADDR_ANY

if TYPE_CHECKING:
    import numpy as np

BytesLike = bytes | bytearray | memoryview

FOREVER = 2**64 - 1
RECORD_SIZE = 8
#: 31 years: infinity and other times that no clock reaches are cut to it, NaN is a ValueError.
_LONGEST = 1e9
_RETRY = (-errno.EINPROGRESS, -errno.EINTR)


class Message(NamedTuple):
    """A received message: the sender's rpmsg address and the payload. Thread safety: immutable."""

    src: int
    data: bytes


@dataclass(frozen=True, slots=True)
class EndpointStatistics:
    """Counts since the endpoint was opened. Thread safety: immutable."""

    rx_messages: int
    rx_bytes: int
    tx_messages: int
    tx_bytes: int
    #: Messages dropped because the inbox was full.
    dropped: int
    #: Messages in the inbox now.
    queued: int


class Pool(Protocol):
    """What a channel and its endpoints need of the device they live on. Thread safety: any thread."""

    #: The native bus.
    native: Any
    mtu: int
    buffer_size: int
    tx_timeout: float
    make_endpoint: "MakeEndpoint"

    def payload(self, buffer: int, length: int) -> memoryview:
        """Return length bytes of payload of a receive buffer, in shared memory."""
        ...


#: Makes an endpoint of pool, own address, destination and name, as Endpoint itself does.
MakeEndpoint = Callable[[Pool, int, int, str], "Endpoint"]


class _Slot:
    """One receive call's memory; a thread takes one, so that any number may be in recv at once."""

    __slots__ = ("native", "payload", "record", "records")
    native: Any
    record: Any

    def __init__(self, ept: Any, stride: int) -> None:
        self.records = ffi.new("uint32_t[]", stride // 4)
        self.native = ffi.new("struct rp_slot *")
        self.native.ept = ept
        self.native.records = ffi.cast("uint8_t *", self.records)
        self.native.stride = stride
        self.native.max = 1
        self.record = ffi.cast("struct rp_record *", self.records)
        self.payload = ffi.buffer(self.records)


def _padded(mtu: int) -> int:
    """Bytes of payload in a record: the next record begins at a multiple of 4."""
    return (mtu + 3) // 4 * 4


def _packed(messages: Any) -> "tuple[bytes, array[int]]":
    """Return the payloads one after the other, and their lengths; only an array has rows of one length."""
    if hasattr(messages, "shape"):
        rows, width = messages.shape
        return messages.tobytes(), array("I", [width * messages.itemsize]) * rows
    chunks = list(messages)
    data, lens = b"".join(chunks), array("I", map(len, chunks))
    if len(data) != sum(lens):
        raise ValueError("send_many takes messages of bytes: len() of one of these counts something else")
    return data, lens


def _deadline_ns(timeout: float | None) -> int:
    if timeout is None:
        return FOREVER
    return 0 if timeout <= 0 else time.monotonic_ns() + int(min(timeout, _LONGEST) * 1e9)


class View:
    """A received message where it lies; a context manager that gives the buffer back to the core.

    `data` is read-only for you, but the core can still change it while you look: copy what you check. After
    the view ends it raises ValueError. Thread safety: none; the caller serialises.
    """

    def __init__(self, src: int, data: memoryview, native: Any, buffer: int | None) -> None:
        self.src = src
        self.data = data
        self._native = native
        self._buffer = buffer

    def release(self) -> None:
        """Give the buffer back; harmless the second time and after the core is gone."""
        self.data.release()
        if self._buffer is not None:
            lib.rp_release(self._native, self._buffer)
            self._buffer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Endpoint:
    """One address on an rpmsg device, with a descriptor for select, poll, epoll, asyncio and Qt.

    Source: Linux include/linux/rpmsg.h, struct rpmsg_endpoint; errors as drivers/rpmsg/virtio_rpmsg_bus.c.
    Thread safety: any thread.
    """

    def __init__(self, pool: Pool, addr: int = ADDR_ANY, dst: int = ADDR_ANY, name: str = "") -> None:
        """Open an endpoint; AddressError (EADDRINUSE, EINVAL), PeerGoneError, MemoryError."""
        out: Any = ffi.new("struct rp_endpoint **")
        code = lib.rp_endpoint_open(pool.native, addr, dst, out)
        if code < 0:
            raise failure(code, f"endpoint {name or hex(addr)}")
        self._pool = pool
        self._native = ffi.gc(out[0], lib.rp_endpoint_free)
        self._slots: list[_Slot] = []
        self._closed = False
        #: Name of the channel it belongs to, or what was given; for messages to people.
        self.name = name
        #: Own address.
        self.addr: int = lib.rp_endpoint_address(self._native)
        #: Where send goes unless told otherwise; ADDR_ANY: nowhere yet.
        self.dst = dst
        #: Largest payload, bytes.
        self.mtu = pool.mtu

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self.addr:#x} -> {self.dst:#x}"
        return f"<Endpoint {self.name!r} {state}>"

    # ---- send ----

    def send(self, data: BytesLike, dst: int | None = None, timeout: float | None = None) -> None:
        """Send one message of at most `mtu` bytes; waits for a buffer for at most `timeout` seconds (15).

        Raises MessageTooLongError, AddressError (EINVAL: no destination), PeerGoneError, DeadlineError,
        EndpointClosedError; WouldBlockError when timeout is 0.
        """
        self._send(data, dst, _deadline_ns(self._pool.tx_timeout if timeout is None else timeout))

    def try_send(self, data: BytesLike, dst: int | None = None) -> None:
        """Send one message, or raise WouldBlockError (EAGAIN) when there is no free buffer; else as send."""
        self._send(data, dst, 0)

    def _send(self, data: BytesLike, dst: int | None, deadline_ns: int) -> None:
        source = data if type(data) is bytes else ffi.from_buffer(data)
        target = self.dst if dst is None else dst
        code = lib.rp_send(self._native, target, source, len(source), deadline_ns)
        while code == -errno.EINTR:
            code = lib.rp_send(self._native, target, source, len(source), deadline_ns)
        if code < 0:
            raise self._failure(code, len(source))

    def send_many(
        self,
        messages: "Iterable[bytes] | np.ndarray[Any, Any]",
        dst: int | None = None,
        timeout: float | None = None,
    ) -> int:
        """Send many messages in one native call: an iterable of bytes, or a 2-D array of one message per row.

        Returns how many were sent, fewer than given only when the time is over or the core went away in
        between; raises as send when not even the first was sent.
        """
        data, lens = _packed(messages)
        target = self.dst if dst is None else dst
        deadline_ns = _deadline_ns(self._pool.tx_timeout if timeout is None else timeout)
        return self._send_run(target, data, lens, deadline_ns) if lens else 0

    def _send_run(self, dst: int, data: bytes, lens: "array[int]", deadline_ns: int) -> int:
        sent, offset = 0, 0
        source, sizes = ffi.from_buffer("uint8_t[]", data), ffi.from_buffer("uint32_t[]", lens)
        while sent < len(lens):
            code = lib.rp_send_many(
                self._native, dst, source + offset, sizes + sent, len(lens) - sent, deadline_ns
            )
            if code == -errno.EINTR:
                continue
            if code < 0:
                if sent:
                    return sent
                raise self._failure(code, max(lens))
            offset += sum(lens[sent : sent + code])
            sent += code
        return sent

    # ---- receive ----

    def recv(self, timeout: float | None = None) -> Message:
        """Receive one message, waiting at most `timeout` seconds (None: for ever, 0: not at all).

        Raises DeadlineError; WouldBlockError when timeout is 0; PeerGoneError after the last message of a
        core or channel that is gone; EndpointClosedError.
        """
        slot = self._take_slot()
        try:
            self._receive(slot.native, timeout)
            record = slot.record
            return Message(record.src, slot.payload[RECORD_SIZE : RECORD_SIZE + record.len])
        finally:
            self._slots.append(slot)

    def recv_many(self, max_messages: int = 64, timeout: float | None = None) -> list[Message]:
        """Receive at least one and at most `max_messages` messages in one native call; errors as recv.

        ValueError when that is none.
        """
        if max_messages < 1:
            raise ValueError(f"max_messages is at least 1, not {max_messages}")
        stride = RECORD_SIZE + _padded(self.mtu)
        memory = bytearray(stride * max_messages)
        count = self._receive_into(ffi.from_buffer("uint8_t[]", memory), stride, max_messages, timeout)
        heads = memoryview(memory)
        messages = []
        for at in range(0, count * stride, stride):
            src, length = heads[at : at + RECORD_SIZE].cast("I")
            messages.append(Message(src, bytes(heads[at + RECORD_SIZE : at + RECORD_SIZE + length])))
        return messages

    def recv_into(self, out: "np.ndarray[Any, Any]", timeout: float | None = None) -> int:
        """Receive up to len(out) messages into a contiguous 1-D array of `dtype`; returns how many.

        Errors as recv, and ValueError for an array of another shape or dtype.
        """
        if out.ndim != 1 or out.dtype != self.dtype or not out.flags.c_contiguous or len(out) == 0:
            raise ValueError("recv_into needs a contiguous one-dimensional array of Endpoint.dtype")
        memory = ffi.from_buffer("uint8_t[]", out.data.cast("B"), True)
        return self._receive_into(memory, out.dtype.itemsize, len(out), timeout)

    @property
    def dtype(self) -> "np.dtype[Any]":
        """Record for recv_into: src u32, len u32, data uint8[mtu]."""
        import numpy as np

        return np.dtype([("src", "<u4"), ("len", "<u4"), ("data", "u1", (_padded(self.mtu),))])

    def view(self, timeout: float | None = None) -> View:
        """Borrow one message without copying it, as a context manager; errors as recv.

        The bytes lie in memory that the core can still change. A message that was queued before the call, or
        that comes while all but two buffers are out as views, is a private copy instead.
        """
        slot = self._take_slot()
        native = slot.native
        native.borrow = True
        self._receive(native, timeout)
        record = slot.record
        if native.borrowed == ffi.NULL:
            return View(
                record.src, memoryview(slot.payload[RECORD_SIZE : RECORD_SIZE + record.len]), None, None
            )
        buffer = int(native.borrowed_buffer)
        return View(record.src, self._pool.payload(buffer, record.len), self._pool.native, buffer)

    def _take_slot(self) -> _Slot:
        if self._closed:
            raise EndpointClosedError(f"{self!r}: the endpoint is closed")
        try:
            return self._slots.pop()
        except IndexError:
            return _Slot(self._native, RECORD_SIZE + _padded(self.mtu))

    def _receive_into(self, memory: Any, stride: int, max_messages: int, timeout: float | None) -> int:
        native: Any = ffi.new("struct rp_slot *")
        native.ept = self._native
        native.records, native.stride, native.max = memory, stride, max_messages
        return self._receive(native, timeout)

    def _receive(self, native: Any, timeout: float | None) -> int:
        native.deadline_ns = _deadline_ns(timeout)
        native.may_sleep = False
        code: int = lib.rp_recv(native)
        # Signal handlers run here, between the spin and the sleep and after each interrupted sleep (PEP 475).
        while code in _RETRY:
            native.may_sleep = True
            code = lib.rp_recv(native)
        if code < 0:
            raise self._failure(code)
        return code

    # ---- the rest ----

    @property
    def stats(self) -> EndpointStatistics:
        """Counts of this endpoint."""
        out: Any = ffi.new("struct rp_endpoint_stats *")
        lib.rp_endpoint_stats(self._native, out)
        return EndpointStatistics(
            out.rx_messages, out.rx_bytes, out.tx_messages, out.tx_bytes, out.dropped, out.queued
        )

    @property
    def closed(self) -> bool:
        """Whether close was called."""
        return self._closed

    def fileno(self) -> int:
        """Return a descriptor that is readable exactly while a message is queued or the peer is gone.

        Never read it: call recv with timeout 0. It stays the endpoint's. Raises EndpointClosedError.
        """
        code: int = lib.rp_endpoint_fd(self._native)
        if code < 0:
            raise self._failure(code)
        return code

    def hang_up(self) -> None:
        """Let every call end with PeerGoneError once the inbox is empty: the channel is gone."""
        lib.rp_endpoint_hang_up(self._native)

    def close(self) -> None:
        """Give the address back; who waits in recv gets EndpointClosedError. Idempotent."""
        self._closed = True
        lib.rp_endpoint_close(self._native)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _failure(self, code: int, length: int = 0) -> RpmsgError | OSError:
        if code == -errno.EMSGSIZE:
            return MessageTooLongError(length, self.mtu)
        return failure(code, repr(self))
