# SPDX-License-Identifier: Apache-2.0
"""The name service: an ordinary endpoint at address 53 that turns announcements into channels.

Source: Linux drivers/rpmsg/rpmsg_ns.c, rpmsg_ns_cb. What a core says here is checked like everything it
writes: a violation is dropped with Linux's log line and counted under its rule.
"""

from typing import Protocol

from rpmsg.endpoint import Endpoint
from rpmsg.errors import PeerGoneError, WireError, WouldBlockError
from rpmsg.wire import ADDR_ANY, NS_DESTROY, NsMessage


class Registry(Protocol):
    """Where channels are kept. Thread safety: the work thread calls it."""

    def create(self, name: str, dst: int) -> str | None:
        """Log it and make a channel; the name of the rule that forbids it, or None."""
        ...

    def destroy(self, name: str, dst: int) -> str | None:
        """Log it and remove a channel; the name of the rule that is broken, or None."""
        ...

    def refuse(self, rule: str, *lines: str) -> None:
        """Count a violation and log what Linux logs, as errors."""
        ...


class NameService:
    """Receives announcements in the work thread. Thread safety: run belongs to the work thread."""

    def __init__(self, ept: Endpoint, registry: Registry) -> None:
        self.ept = ept
        self._registry = registry

    def run(self) -> None:
        """Handle everything that is there."""
        while True:
            try:
                messages = self.ept.recv_many(timeout=0)
            except (WouldBlockError, PeerGoneError):
                return
            for message in messages:
                self._handle(message.data)

    def _handle(self, data: bytes) -> None:
        registry = self._registry
        try:
            ns = NsMessage.unpack(data)
        except WireError as error:
            registry.refuse("NS_LENGTH", str(error))
            return
        # Linux takes these two as they are; here they are counted too: a peer that sends them is broken.
        if not ns.terminated:
            registry.refuse("NS_NAME", "service name without a terminating NUL, cut to 31 bytes")
        if ns.flags & ~NS_DESTROY:
            registry.refuse("NS_FLAGS", f"unknown flags {ns.flags:#x} in a name service message")
        if ns.addr == ADDR_ANY:
            registry.refuse("NS_ADDR", "a service cannot have the address ANY")
            return
        self._apply(ns)

    def _apply(self, ns: NsMessage) -> None:
        registry = self._registry
        name = ns.name.decode("utf-8", "backslashreplace")
        if ns.destroys:
            rule = registry.destroy(name, ns.addr)
            if rule:
                registry.refuse(rule, "rpmsg_destroy_channel failed: -22")
            return
        rule = registry.create(name, ns.addr)
        if rule == "NS_DUPLICATE":
            exists = f"channel {name}:{ADDR_ANY:x}:{ns.addr:x} already exist"
            registry.refuse(rule, exists, "rpmsg_create_channel failed")
        elif rule:
            registry.refuse(rule, f"too many channels for {name}", "rpmsg_create_channel failed")
