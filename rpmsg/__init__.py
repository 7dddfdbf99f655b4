# SPDX-License-Identifier: Apache-2.0
"""rpmsg over virtio, host side: messages to and from the services that a remote core announces.

    wire       the bytes: header, name-service message, constants
    bus        the virtio driver for id 7; outlives boots
    device     one boot: rings, buffer pool, channels, violations
    ns         the name service, an ordinary endpoint at address 53
    channel    an announced service
    endpoint   send, receive, borrow; a descriptor for every event loop

The hot half is C (rpmsg/src): one native call for each message or batch, and no Python between ring and
caller. The room knows nothing of firmware and processes: a virtio device with id 7 is all that joins it to
`rproc`.
"""

from rpmsg.bus import VirtioRpmsgBus
from rpmsg.channel import Channel
from rpmsg.device import BusConfig, BusStatistics, RpmsgDevice
from rpmsg.endpoint import Endpoint, EndpointStatistics, Message, View
from rpmsg.errors import (
    AddressError,
    DeadlineError,
    EndpointClosedError,
    ForkedError,
    MessageTooLongError,
    PeerGoneError,
    RpmsgError,
    WireError,
    WouldBlockError,
)
from rpmsg.wire import ADDR_ANY, NS_ADDR, Header, NsMessage

__all__ = [
    "ADDR_ANY",
    "NS_ADDR",
    "AddressError",
    "BusConfig",
    "BusStatistics",
    "Channel",
    "DeadlineError",
    "Endpoint",
    "EndpointClosedError",
    "EndpointStatistics",
    "ForkedError",
    "Header",
    "Message",
    "MessageTooLongError",
    "NsMessage",
    "PeerGoneError",
    "RpmsgDevice",
    "RpmsgError",
    "View",
    "VirtioRpmsgBus",
    "WireError",
    "WouldBlockError",
]
