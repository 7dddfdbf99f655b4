# SPDX-License-Identifier: Apache-2.0
"""A channel: a service that a core has announced by name, and the endpoints that talk to it."""

import threading
from dataclasses import dataclass, field
from weakref import WeakSet

from rpmsg.endpoint import Endpoint, Pool
from rpmsg.errors import PeerGoneError
from rpmsg.wire import ADDR_ANY


@dataclass(eq=False)
class Channel:
    """A named service at address `dst` of the core (Linux: struct rpmsg_device).

    `src` is ADDR_ANY for channels that the core announced, as in Linux. Thread safety: any thread.
    """

    name: str
    dst: int
    pool: Pool = field(repr=False)
    src: int = ADDR_ANY
    #: What the log and the bus call it, such as virtio0.rpmsg-echo.-1.1024.
    device_name: str = ""
    _gone: bool = field(default=False, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _endpoints: "WeakSet[Endpoint]" = field(default_factory=WeakSet, init=False, repr=False)

    def open(self) -> Endpoint:
        """Open an endpoint of its own that talks to this service; PeerGoneError when it was withdrawn."""
        with self._lock:
            if self._gone:
                raise PeerGoneError(f"channel {self.name} was withdrawn")
            ept = self.pool.make_endpoint(self.pool, self.src, self.dst, self.name)
            self._endpoints.add(ept)
        return ept

    @property
    def gone(self) -> bool:
        """Whether the core has withdrawn the service, or is gone itself."""
        return self._gone

    def withdraw(self) -> None:
        """The service has ended: every endpoint of it reports PeerGoneError after its last message."""
        with self._lock:
            self._gone = True
            endpoints = list(self._endpoints)
        for ept in endpoints:
            ept.hang_up()
