# SPDX-License-Identifier: Apache-2.0
"""One rpmsg device of one boot: rings, buffer pool, endpoints, channels (Linux: struct virtproc_info)."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rpmsg._native import ffi, lib
from rpmsg.channel import Channel
from rpmsg.endpoint import Endpoint, MakeEndpoint
from rpmsg.ns import NameService
from rpmsg.wire import ADDR_ANY, F_NS, HEADER_SIZE, MAX_BUFFERS, NS_ADDR
from virtio import VirtioDevice, rule_name, rule_text

ChannelEvent = Literal["created", "destroyed"]
ChannelListener = Callable[[ChannelEvent, Channel], None]

#: Violations that Linux reports with this line.
_TOO_BIG = ("MSG_USED_LEN", "MSG_SHORT", "MSG_LEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class BusConfig:
    """How a bus is set up. Thread safety: immutable."""

    #: Bytes of one buffer, header included.
    buffer_size: int = 512
    #: Buffers per direction; None: as many as the ring has descriptors, at most 256.
    num: int | None = None
    #: Seconds that send waits for a buffer.
    tx_timeout: float = 15.0
    #: Messages that an endpoint keeps, in at most 16 MiB; the next ones are dropped and counted.
    inbox: int = 4096
    #: Microseconds that recv spins before it sleeps.
    spin_us: float = 20.0
    #: Channels that a core may announce.
    max_channels: int = 1024
    #: What makes the endpoints that a program opens: a subclass can watch what is sent and received.
    make_endpoint: MakeEndpoint = Endpoint

    def __post_init__(self) -> None:
        if not 2 * HEADER_SIZE <= self.buffer_size <= HEADER_SIZE + 0xFFFF or self.buffer_size % 8:
            raise ValueError(f"buffer_size is a multiple of 8 from 32 to 65544 bytes, not {self.buffer_size}")
        if self.num is not None and self.num < 1:
            raise ValueError(f"num counts buffers, {self.num} is none")
        if self.inbox < 1 or self.spin_us < 0 or self.tx_timeout < 0 or self.max_channels < 1:
            raise ValueError("inbox and max_channels are at least 1, spin_us and tx_timeout at least 0")

    def buffers(self, ring: int) -> int:
        """Return the number of buffers for a ring of that many descriptors."""
        return min(ring, MAX_BUFFERS if self.num is None else self.num)


@dataclass(frozen=True, slots=True)
class BusStatistics:
    """Counts since the device was probed. Thread safety: immutable."""

    rx_messages: int
    rx_bytes: int
    tx_messages: int
    tx_bytes: int
    #: Messages for an address without endpoint.
    no_recipient: int
    #: Messages dropped because an inbox was full.
    inbox_full: int
    #: Bells rung for the core, and answered.
    kicks: int
    bells: int
    #: Bells without any work.
    empty_bells: int
    #: Receive buffers out as views.
    held: int
    #: Rule name -> how often it was broken.
    violations: dict[str, int]
    #: The rule that broke a ring, or "".
    broken: str


_RULES = {rule_name(number): number for number in range(1, lib.ECU_RULE_COUNT)}


def _signed(number: int) -> int:
    """Return a u32 as printk's %d shows it."""
    return number - 2**32 if number >= 2**31 else number


class RpmsgDevice:
    """The bus over one probed virtio device; made by VirtioRpmsgBus.probe.

    Thread safety: any thread, except close, which probe's caller calls.
    """

    def __init__(self, device: VirtioDevice, config: BusConfig, listener: ChannelListener) -> None:
        """Set up the rings, post all receive buffers; the caller sets DRIVER_OK. OSError as in Linux."""
        self.device = device
        self.buffer_size = config.buffer_size
        self.mtu = min(config.buffer_size - HEADER_SIZE, 0xFFFF)
        self.tx_timeout = config.tx_timeout
        self.make_endpoint = config.make_endpoint
        self.channels: list[Channel] = []
        self._config = config
        self._listener = listener
        self._lock = threading.Lock()
        self._stray_logged = False
        self._break_logged = False
        self._seen: dict[str, int] = {}
        self._unwatch: dict[str, Callable[[], None]] = {}
        self._rx, self._tx = device.find_vqs(2)
        self._warn_unequal_rings()
        self._num_rx = config.buffers(self._rx.num)
        self._num_tx = min(config.buffers(self._rx.num), self._tx.num)
        size = (self._num_rx + self._num_tx) * config.buffer_size
        pool_da = device.buffer_pool(size)
        self._pool = device.memory.view(pool_da, size)
        self.native = self._make_native(pool_da, size)
        code = lib.rp_bus_start(self.native)
        if code < 0:
            lib.rp_bus_stop(self.native)
            raise OSError(-code, f"{device.name}: {os.strerror(-code)}")
        self._unwatch["notice"] = device.work.watch(lib.rp_bus_notice_fd(self.native), self._on_notice)
        if device.has_feature(F_NS):
            self._start_name_service()

    def _make_native(self, pool_da: int, size: int) -> Any:
        device, config = self.device, self._config
        native_config: Any = ffi.new("struct rp_bus_config *")
        native_config.rx, native_config.tx = self._rx.native, self._tx.native
        native_config.rx_notify, native_config.tx_notify = self._rx.notifyid, self._tx.notifyid
        native_config.bells, native_config.lifeline = device.bells.native, device.lifeline.native
        native_config.buffers = ffi.cast("uint8_t *", device.memory.va(pool_da, size))
        native_config.buffers_da, native_config.buffer_size = pool_da, config.buffer_size
        native_config.num_rx, native_config.num_tx = self._num_rx, self._num_tx
        native_config.inbox, native_config.spin_ns = config.inbox, int(config.spin_us * 1000)
        native = lib.rp_bus_new(native_config)
        if native == ffi.NULL:
            raise MemoryError(f"{device.name}: no memory or descriptors for a bus")
        # What the C half points to must live as long as it does.
        keep = (self._rx, self._tx, device.bells, device.lifeline, self._pool)

        def free(bus: Any, _keep: tuple[object, ...] = keep) -> None:
            lib.rp_bus_free(bus)

        return ffi.gc(native, free)

    def _warn_unequal_rings(self) -> None:
        if self._rx.num != self._tx.num:
            self.device.log.warning(
                self.device.source, f"rings of different sizes: {self._rx.num} and {self._tx.num}"
            )

    def _start_name_service(self) -> None:
        service = NameService(Endpoint(self, NS_ADDR, name="rpmsg_ns"), self)

        def run() -> None:
            service.run()
            # The endpoint's descriptor stays readable from here on: what was queued is handled, look away.
            if self._is_dead() and (unwatch := self._unwatch.get("names")):
                unwatch()

        self._unwatch["names"] = self.device.work.watch(service.ept.fileno(), run)

    def _is_dead(self) -> bool:
        return bool(self._read_stats().dead)

    def kick(self) -> None:
        """Ring the core for the receive queue: it may send now (Linux does this once after DRIVER_OK)."""
        self.device.bells.kick(self._rx.notifyid)

    def payload(self, buffer: int, length: int) -> memoryview:
        """Return the payload of a receive buffer, read-only, in shared memory."""
        start = buffer * self.buffer_size + HEADER_SIZE
        return self._pool[start : start + length].toreadonly()

    def close(self) -> None:
        """Wake everyone with PeerGoneError, withdraw all channels; no ring or bell is touched afterwards."""
        for unwatch in self._unwatch.values():
            unwatch()
        # What refers back to this object goes, so that its descriptors do not wait for the garbage collector.
        self._unwatch.clear()
        lib.rp_bus_stop(self.native)
        with self._lock:
            channels, self.channels = self.channels, []
        for channel in channels:
            channel.withdraw()
            self._listener("destroyed", channel)

    # ---- channels ----

    def create(self, name: str, dst: int) -> str | None:
        """Make the channel of an announced service; the name of the rule that forbids it, or None."""
        self.device.log.info(self.device.source, f"creating channel {name} addr {dst:#x}")
        with self._lock:
            if any(channel.name == name and channel.dst == dst for channel in self.channels):
                return "NS_DUPLICATE"
            if len(self.channels) >= self._config.max_channels:
                return "NS_FLOOD"
            device_name = f"{self.device.name}.{name.replace('/', '!')}.-1.{_signed(dst)}"
            channel = Channel(name, dst, self, ADDR_ANY, device_name)
            self.channels.append(channel)
        self._listener("created", channel)
        return None

    def destroy(self, name: str, dst: int) -> str | None:
        """Withdraw a channel; the name of the rule that is broken, or None."""
        self.device.log.info(self.device.source, f"destroying channel {name} addr {dst:#x}")
        with self._lock:
            channel = next((c for c in self.channels if c.name == name and c.dst == dst), None)
            if channel is None:
                return "NS_UNKNOWN"
            self.channels.remove(channel)
        channel.withdraw()
        self._listener("destroyed", channel)
        return None

    # ---- violations and statistics ----

    def refuse(self, rule: str, *lines: str) -> None:
        """Log a violation of the name service and count it; on_notice tells the device's owner."""
        for line in lines:
            self.device.log.err(self.device.source, line)
        lib.rp_bus_violation(self.native, _RULES[rule])

    def _on_notice(self) -> None:
        os.eventfd_read(lib.rp_bus_notice_fd(self.native))
        stats = self._read_stats()
        if stats.no_recipient and not self._stray_logged:
            self._stray_logged = True
            self.device.log.warning(self.device.source, "msg received with no recipient")
        for rule, number in _RULES.items():
            count = stats.violations[number]
            if count > self._seen.get(rule, 0):
                self._seen[rule] = count
                self._report(rule, number, stats)
        if stats.broken and not self._break_logged:
            self._break_logged = True
            rule, text = rule_name(stats.broken), rule_text(stats.broken)
            self.device.log.err(self.device.source, f"{text} [{rule}]")
            self.device.violation(rule, text, fatal=True)

    def _report(self, rule: str, number: int, stats: Any) -> None:
        if rule in _TOO_BIG:
            text = f"inbound msg too big: ({_signed(stats.bad_used_len)}, {stats.bad_len})"
            self.device.log.warning(self.device.source, text)
        elif not rule.startswith("NS_"):  # the name service has logged its own
            self.device.log.warning(self.device.source, f"{rule_text(number)} [{rule}]")
        self.device.violation(rule, rule_text(number), fatal=False)

    def _read_stats(self) -> Any:
        out = ffi.new("struct rp_bus_stats *")
        lib.rp_bus_stats(self.native, out)
        return out

    def statistics(self) -> BusStatistics:
        """Return the counts; each is exact, together they are of slightly different times."""
        raw = self._read_stats()
        return BusStatistics(
            rx_messages=raw.rx_messages,
            rx_bytes=raw.rx_bytes,
            tx_messages=raw.tx_messages,
            tx_bytes=raw.tx_bytes,
            no_recipient=raw.no_recipient,
            inbox_full=raw.inbox_full,
            kicks=raw.kicks,
            bells=raw.bells,
            empty_bells=raw.empty_bells,
            held=raw.held,
            violations={
                rule: raw.violations[number] for rule, number in _RULES.items() if raw.violations[number]
            },
            broken=rule_name(raw.broken) if raw.broken else "",
        )
