# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a message.

RpmsgError
 ├── EndpointClosedError   (ValueError)       you closed it
 ├── PeerGoneError         (BrokenPipeError)  the core or the channel went away: EPIPE, after the last message
 ├── WouldBlockError       (BlockingIOError)  nothing there, or no buffer, and no wish to wait: EAGAIN
 ├── DeadlineError         (TimeoutError)     the time you gave has passed: ETIMEDOUT
 ├── MessageTooLongError   (OSError)          EMSGSIZE; .length, .limit
 ├── AddressError          (OSError)          ANY as destination (EINVAL), an address in use (EADDRINUSE)
 ├── ForkedError           (OSError)          used in a forked child: ECHILD
 └── WireError             (ValueError)       bytes that are not what they should be
"""

import errno
import os
from typing import Any


class RpmsgError(Exception):
    """Base of the room's errors. Thread safety: immutable."""

    #: What to do about it.
    hint: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled without __init__, whose arguments are each leaf's own.
        said = {name: getattr(self, name) for name in ("args", "errno", "strerror") if hasattr(self, name)}
        return type(self).__new__, (type(self),), vars(self) | said


class EndpointClosedError(RpmsgError, ValueError):
    """The endpoint was closed by this program. Thread safety: immutable."""

    hint = "Open another endpoint: Channel.open()."


class PeerGoneError(RpmsgError, BrokenPipeError):
    """The core or the channel is gone and every message was received. Thread safety: immutable."""

    hint = "Look at the core's state and log; after a restart wait for its channel again."


class WouldBlockError(RpmsgError, BlockingIOError):
    """Nothing to receive, or no transmit buffer, and the call may not wait. Thread safety: immutable."""

    hint = "Try again when the endpoint's descriptor is readable, or wait with a timeout."


class DeadlineError(RpmsgError, TimeoutError):
    """The time that was given has passed. Thread safety: immutable."""

    hint = "Look at the core's state and log: it sent nothing, or took nothing."


class MessageTooLongError(RpmsgError, OSError):
    """A message of `length` bytes where at most `limit` fit. Thread safety: immutable."""

    hint = (
        "rpmsg does not split messages: send at most Endpoint.mtu bytes, or raise buffer_size on both sides."
    )

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(errno.EMSGSIZE, f"message is too big ({length}, at most {limit} bytes fit)")
        self.length = length
        self.limit = limit


class AddressError(RpmsgError, OSError):
    """An address that cannot be used. Thread safety: immutable."""

    hint = "A destination is what a core announced or sent from; an own one is free and below 2^31."


class ForkedError(RpmsgError, OSError):
    """The object belongs to the process that forked this one. Thread safety: immutable."""

    hint = "Open the machine in the process that uses it, or start workers with the spawn method."


class WireError(RpmsgError, ValueError):
    """Bytes that are not a header or a name-service message. Thread safety: immutable."""


_KINDS: dict[int, tuple[type[RpmsgError], str]] = {
    errno.EBADF: (EndpointClosedError, "the endpoint is closed"),
    errno.EPIPE: (PeerGoneError, "the core or the channel is gone"),
    errno.EAGAIN: (WouldBlockError, "the call would have to wait"),
    errno.ETIMEDOUT: (DeadlineError, "timed out"),
    errno.EINVAL: (AddressError, "invalid address: destination ANY, or out of range"),
    errno.EADDRINUSE: (AddressError, "the address is in use"),
    errno.ECHILD: (ForkedError, "this object belongs to the process that forked this one"),
}


def failure(code: int, what: str) -> RpmsgError | OSError:
    """Return the exception for a negative return value of the C half; what names the call and its object."""
    number = -code
    kind, text = _KINDS.get(number, (None, os.strerror(number)))
    if kind is None:
        return OSError(number, f"{what}: {text}")
    if issubclass(kind, OSError):
        return kind(number, f"{what}: {text}")
    return kind(f"{what}: {text}")
