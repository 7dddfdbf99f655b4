# SPDX-License-Identifier: Apache-2.0
"""The virtio driver for id 7: what a program holds on to while cores come and go.

Source: Linux drivers/rpmsg/virtio_rpmsg_bus.c, rpmsg_probe and rpmsg_remove.
"""

import errno
import os
import threading
from collections.abc import Callable

from rpmsg.channel import Channel
from rpmsg.device import BusConfig, BusStatistics, ChannelEvent, ChannelListener, RpmsgDevice
from rpmsg.endpoint import Endpoint
from rpmsg.errors import DeadlineError, PeerGoneError, failure
from rpmsg.wire import ADDR_ANY, F_NS, VIRTIO_ID_RPMSG
from virtio import Deadline, VirtioDevice
from virtio.log import printable


class VirtioRpmsgBus:
    """A virtio driver for one rpmsg device at a time; give it to `rproc.RemoteProc(drivers=[bus])`.

    It outlives boots: after each, channels and endpoints are new. Thread safety: any thread; probe and remove
    belong to the owner of the virtio device.
    """

    id = VIRTIO_ID_RPMSG
    features = 1 << F_NS
    name = "virtio_rpmsg_bus"

    def __init__(self, config: BusConfig | None = None) -> None:
        """Set up a driver; config defaults to BusConfig()."""
        self.config = config or BusConfig()
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._device: RpmsgDevice | None = None
        self._listeners: list[ChannelListener] = []

    # ---- virtio driver ----

    def buffers(self, num: int) -> int:
        """Return the bytes of buffer area wanted for rings of `num` descriptors."""
        return 2 * self.config.buffers(num) * self.config.buffer_size

    def probe(self, device: VirtioDevice) -> None:
        """Take the device into use; OSError with Linux's errno."""
        link = RpmsgDevice(device, self.config, self._tell)
        with self._changed:
            self._device = link
        device.ready()
        device.kick_when_registered(link.kick)
        device.log.info(device.source, "rpmsg host is online")

    def remove(self, device: VirtioDevice, crashed: bool) -> None:
        """Let the device go: every endpoint reports PeerGoneError once its inbox is empty."""
        with self._changed:
            link, self._device = self._device, None
            self._changed.notify_all()
        if link:
            if not crashed:
                device.reset()
            link.close()

    # ---- for programs ----

    @property
    def device(self) -> RpmsgDevice:
        """The device of the current boot; PeerGoneError while there is none."""
        link = self._device
        if link is None:
            raise PeerGoneError("the rpmsg device is not there: the core is not running")
        return link

    @property
    def channels(self) -> list[Channel]:
        """The channels announced now."""
        link = self._device
        return list(link.channels) if link else []

    def wait_channel(self, name: str, timeout: float | None = 5.0) -> Channel:
        """Wait until a core has announced the service; DeadlineError names those that were announced.

        ForkedError in a forked child, where nobody would wake it.
        """
        if self._pid != os.getpid():
            raise failure(-errno.ECHILD, f"channel {name}")

        def find() -> Channel | None:
            return next((channel for channel in self.channels if channel.name == name), None)

        with self._changed:
            channel = self._changed.wait_for(find, Deadline(timeout).remaining())
        if channel is None:
            known = ", ".join(f"{printable(c.name)} (addr {c.dst:#x})" for c in self.channels) or "none"
            raise DeadlineError(f"no channel {name!r} within {timeout} s; announced: {known}")
        return channel

    def create_endpoint(self, addr: int = ADDR_ANY, dst: int = ADDR_ANY, name: str = "") -> Endpoint:
        """Open an endpoint without a channel: at a fixed address, or (ADDR_ANY) the lowest free from 1024."""
        return self.config.make_endpoint(self.device, addr, dst, name)

    def statistics(self) -> BusStatistics:
        """Return the counts of the current boot; PeerGoneError while there is none."""
        return self.device.statistics()

    def subscribe(self, listener: ChannelListener) -> Callable[[], None]:
        """Call listener("created" | "destroyed", channel) from the work thread; returns what ends it."""
        with self._changed:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._changed:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def _tell(self, event: ChannelEvent, channel: Channel) -> None:
        with self._changed:
            listeners = list(self._listeners)
            self._changed.notify_all()
        for listener in listeners:
            listener(event, channel)
