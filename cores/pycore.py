# SPDX-License-Identifier: Apache-2.0
"""Remote cores written in Python: the class that an ECU's author extends.

Nothing here loads the compiled extension, so that a file of ECUs can be imported anywhere.
"""

from collections.abc import Sequence
from typing import Protocol

from resource_tables import ResourceTable, Vdev, Vring

#: "Any address": of an endpoint, and of a peer that is not known yet.
ADDR_ANY = 0xFFFF_FFFF
LOG_INFO = 6


def default_table(num: int = 256) -> ResourceTable:
    """Return a table with one rpmsg device that announces names; its rings have ``num`` buffers each.

    Addresses and notify ids are the host's to choose. Thread safety: any thread.
    """
    rings = tuple(Vring(num=num, align=16, notifyid=index) for index in range(2))
    return ResourceTable((Vdev(id=7, dfeatures=1, vrings=rings),))


class CoreEndpoint(Protocol):
    """An endpoint of the core, as its callbacks get it.

    Errors of the send calls: OSError ENOTCONN (the host is not there), EINVAL (no ``dst``, and no peer has
    spoken yet), EMSGSIZE. Thread safety: the core's own thread.
    """

    name: str

    @property
    def addr(self) -> int:
        """The endpoint's own rpmsg address."""
        ...

    @property
    def dst(self) -> int | None:
        """The peer's rpmsg address; None until it has spoken."""
        ...

    @property
    def mtu(self) -> int:
        """Bytes that fit into one message; 0 while the host is not there."""
        ...

    def send(self, data: bytes, dst: int | None = None, timeout: float = 15.0) -> None:
        """Send, waiting for a buffer for at most ``timeout`` seconds; raises TimeoutError."""
        ...

    def try_send(self, data: bytes, dst: int | None = None) -> None:
        """Send; raises BlockingIOError when there is no buffer."""
        ...

    def close(self) -> None:
        """Withdraw the announcement and give the address back."""
        ...


class CoreContext(Protocol):
    """What a running core is connected to. Thread safety: the core's own thread, ``log`` excepted."""

    name: str

    def open(self, name: str, addr: int, dst: int) -> CoreEndpoint:
        """Open an endpoint."""
        ...

    def log(self, level: int, text: str) -> None:
        """Write lines into the core's log."""
        ...


class PythonCore:
    """A remote core in Python: override what you need.

    ``services`` are announced to the host when it comes up, each with an endpoint of its own in
    ``endpoints``. An exception in a callback ends the core as crashed, with the traceback in its log.
    Callbacks must return: nothing else happens in the core meanwhile. Thread safety: the core's own thread,
    ``log`` excepted.
    """

    resource_table: ResourceTable = default_table()
    services: Sequence[str] = ()
    #: Seconds between two calls of on_tick; None for none.
    tick_interval: float | None = None

    def __init__(self) -> None:
        self.endpoints: dict[str, CoreEndpoint] = {}
        self._context: CoreContext | None = None

    # ---- for the author to override ----

    def on_boot(self) -> None:
        """Prepare; the host is not there yet. An exception refuses to start."""

    def on_message(self, ept: CoreEndpoint, data: bytes, src: int) -> None:
        """Handle a message that came to ``ept`` from address ``src``."""

    def on_tick(self) -> None:
        """Do what is due every ``tick_interval`` seconds."""

    def on_stop(self) -> None:
        """Clean up: the host asked the core to end, or is gone."""

    # ---- for the author to call ----

    @property
    def name(self) -> str:
        """The name the host has for this core."""
        return self._connected().name

    def open(self, name: str = "", addr: int | None = None, dst: int | None = None) -> CoreEndpoint:
        """Open an endpoint, announced when it has a name; addresses that are None are chosen or learned.

        Raises OSError: EADDRINUSE, EINVAL (name longer than 31 bytes), ENODEV (no rpmsg device in the table).
        """
        return self._connected().open(
            name, ADDR_ANY if addr is None else addr, ADDR_ANY if dst is None else dst
        )

    def log(self, text: str, level: int = LOG_INFO) -> None:
        """Write lines into the core's log; ``level`` as printk's, 3 error … 7 debug."""
        self._connected().log(level, text)

    def connect(self, context: CoreContext) -> None:
        """Connect the core; the room's own business."""
        self._context = context

    def _connected(self) -> CoreContext:
        if self._context is None:
            raise RuntimeError("the core is not booted yet: do this in on_boot or later, not in __init__")
        return self._context
