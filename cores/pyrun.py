# SPDX-License-Identifier: Apache-2.0
"""The life of a Python core: the same hand-over and the same C remote half as every other core's."""

import errno
import os
import time
import traceback
from typing import Any

from cores._native import ffi, lib, text_of
from cores.pycore import ADDR_ANY, CoreEndpoint, PythonCore

_ERR = 3
_NEVER = 2**64 - 1


def _raise_for(result: int, what: str) -> None:
    if result == -errno.ENOMEM:
        raise BlockingIOError(errno.EAGAIN, f"{what}: no buffer is free")
    if result < 0:
        raise OSError(-result, f"{what}: {os.strerror(-result)}")


class Endpoint:
    """An endpoint of a running Python core. Thread safety: the core's own thread."""

    def __init__(self, context: "Context", number: int, name: str) -> None:
        self._context = context
        self._number = number
        self.name = name

    @property
    def addr(self) -> int:
        """The endpoint's own rpmsg address."""
        return int(lib.rp_pycore_addr(self._context.native, self._number))

    @property
    def dst(self) -> int | None:
        """The peer's rpmsg address; None until it has spoken."""
        dst = int(lib.rp_pycore_dst(self._context.native, self._number))
        return None if dst == ADDR_ANY else dst

    @property
    def mtu(self) -> int:
        """Bytes that fit into one message; 0 while the host is not there."""
        return int(lib.rp_pycore_mtu(self._context.native))

    def send(self, data: bytes, dst: int | None = None, timeout: float = 15.0) -> None:
        """Send, waiting for a buffer for at most ``timeout`` seconds; raises TimeoutError."""
        self._send(data, dst, time.monotonic_ns() + int(max(timeout, 0) * 1e9))

    def try_send(self, data: bytes, dst: int | None = None) -> None:
        """Send; raises BlockingIOError when there is no buffer."""
        self._send(data, dst, 0)

    def close(self) -> None:
        """Withdraw the announcement and give the address back."""
        self._context.forget(self._number)

    def _send(self, data: bytes, dst: int | None, deadline_ns: int) -> None:
        target = ADDR_ANY if dst is None else dst
        native = self._context.native
        result = lib.rp_pycore_send(
            native, self._number, target, ffi.from_buffer(data), len(data), deadline_ns
        )
        _raise_for(result, f"send of {len(data)} bytes by {self.name or self.addr}")


class Context:
    """What a running Python core is connected to. Thread safety: the core's own thread, ``log`` excepted."""

    def __init__(self, native: Any, log_fd: int) -> None:
        self.native = native
        self.name = text_of(lib.rp_pycore_name(native))
        self._log_fd = log_fd
        self._endpoints: dict[int, Endpoint] = {}
        self._message: Any = ffi.new("struct rp_pycore_message *")
        self._data = ffi.new("char[]", lib.RP_PYCORE_MAX_LEN)

    def open(self, name: str, addr: int, dst: int) -> CoreEndpoint:
        """Open an endpoint."""
        number = lib.rp_pycore_endpoint(self.native, name.encode(), addr, dst)
        _raise_for(number, f"endpoint {name!r}")
        self._endpoints[number] = Endpoint(self, number, name)
        return self._endpoints[number]

    def forget(self, number: int) -> None:
        """Close an endpoint."""
        if self._endpoints.pop(number, None) is not None:
            _raise_for(lib.rp_pycore_endpoint_close(self.native, number), "close of an endpoint")

    def log(self, level: int, text: str) -> None:
        """Write lines into the core's log; a host that is gone hears nothing."""
        for line in text.splitlines() or [""]:
            try:
                os.write(self._log_fd, f"<{level & 7}>{line}\n".encode("utf-8", "replace"))
            except OSError:
                return

    def take(self) -> tuple[Endpoint, bytes, int] | None:
        """Return the oldest message, None when there is none; messages of closed endpoints are dropped."""
        while lib.rp_pycore_take(self.native, self._message, self._data, lib.RP_PYCORE_MAX_LEN):
            endpoint = self._endpoints.get(self._message.endpoint)
            if endpoint is not None:
                return endpoint, ffi.buffer(self._data, self._message.len)[:], self._message.src
        return None

    def wait(self, deadline_ns: int) -> int:
        """Sleep until something happens; what was seen. Raises OSError when the host broke the ring."""
        seen = int(lib.rp_pycore_wait(self.native, deadline_ns))
        _raise_for(seen, "the host broke the ring")
        return seen


def run(core_class: type[PythonCore], control: int, log_fd: int) -> int:
    """Run a core from HELLO to its end; 0 or the negative errno it ended with.

    ``control`` is taken over, ``log_fd`` stays the caller's. Thread safety: any thread, one per socket.
    """
    error: Any = ffi.new("int *")
    native = lib.rp_pycore_open(control, log_fd, error)
    if native == ffi.NULL:
        return int(error[0])
    context = Context(native, log_fd)
    try:
        _live(core_class, context)
    except BaseException as failure:
        # SystemExit too: a core that exits on its own has crashed.
        context.log(_ERR, traceback.format_exc())
        number = failure.errno if isinstance(failure, OSError) and failure.errno else errno.EIO
        text = f"{type(failure).__name__}: {failure}"[:1000]
        lib.rp_pycore_error(native, number, text.encode("utf-8", "replace").replace(b"\0", b"?"))
        return -number
    finally:
        lib.rp_pycore_close(native)
    return 0


def _live(core_class: type[PythonCore], context: Context) -> None:
    core = core_class()
    core.connect(context)
    for name in core.services:
        core.endpoints[name] = context.open(name, ADDR_ANY, ADDR_ANY)
    core.on_boot()
    _raise_for(lib.rp_pycore_ready(context.native), "READY")
    asked = _loop(core, context)
    core.on_stop()
    if asked:
        lib.rp_pycore_stopped(context.native)


def _loop(core: PythonCore, context: Context) -> bool:
    """Serve the host until it stops the core (True) or is gone."""
    interval = None if core.tick_interval is None else int(core.tick_interval * 1e9)
    next_ns = _NEVER if interval is None else time.monotonic_ns() + interval
    while True:
        seen = context.wait(next_ns)
        if seen & lib.RP_PYCORE_STEP:
            raise OSError(errno.EOPNOTSUPP, "a Python core runs in real time only")
        if seen & lib.RP_PYCORE_MESSAGES:
            message = context.take()
            if message is not None:
                core.on_message(*message)
        if seen & lib.RP_PYCORE_HANGUP:
            return False
        if seen & lib.RP_PYCORE_STOP:
            return True
        if seen & lib.RP_PYCORE_RESET:
            lib.rp_pycore_reset_done(context.native)
        if interval is not None and time.monotonic_ns() >= next_ns:
            next_ns = max(next_ns + interval, time.monotonic_ns())
            core.on_tick()
