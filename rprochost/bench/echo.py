# SPDX-License-Identifier: Apache-2.0
"""Round trips and throughput of a channel that echoes, through the public face of an endpoint alone."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rprochost.bench.histogram import Histogram

if TYPE_CHECKING:
    from rpmsg import Endpoint

#: What the sequence number in front of each payload takes.
_SEQUENCE_BYTES = 4

#: Messages between two calls of on_progress.
_PROGRESS_STEP = 64


class EchoError(RuntimeError):
    """An answer that is not what was sent. Thread safety: immutable."""

    hint = "The channel does not echo, or messages of somebody else arrive at this endpoint."


def payload(sequence: int, size: int) -> bytes:
    """Return ``size`` bytes that tell messages apart: a number, then a pattern that depends on it."""
    head = (sequence & 0xFFFF_FFFF).to_bytes(_SEQUENCE_BYTES, "little")
    return (head + bytes([(sequence * 7 + 1) & 0xFF]) * size)[:size]


def one_round_trip(endpoint: "Endpoint", sequence: int, size: int, timeout: float) -> int:
    """Send one message, wait for it to come back, and return the time in ns.

    Raises EchoError when another message comes back, TimeoutError when none does, OSError as send and recv
    do.
    """
    data = payload(sequence, size)
    begin_ns = time.perf_counter_ns()
    endpoint.send(data, timeout=timeout)
    message = endpoint.recv(timeout=timeout)
    elapsed_ns = time.perf_counter_ns() - begin_ns
    if message.data != data:
        raise EchoError(f"sent message {sequence}, {size} bytes, got {len(message.data)} other bytes back")
    return elapsed_ns


def round_trips(
    endpoint: "Endpoint",
    size: int,
    count: int,
    *,
    timeout: float = 5.0,
    on_progress: Callable[[int], None] | None = None,
) -> Histogram:
    """Do ``count`` round trips of ``size`` bytes, one after the other; errors as :func:`one_round_trip`.

    Thread safety: none; the caller serialises.
    """
    histogram = Histogram()
    for sequence in range(count):
        histogram.record(one_round_trip(endpoint, sequence, size, timeout))
        if on_progress is not None and sequence % _PROGRESS_STEP == 0:
            on_progress(sequence)
    return histogram


@dataclass(frozen=True, slots=True)
class Throughput:
    """Messages there and back in a time. Thread safety: immutable."""

    num: int
    size: int
    elapsed_ns: int

    @property
    def messages_per_second(self) -> float:
        """Messages that went there and came back, per second."""
        return self.num / (self.elapsed_ns / 1e9)


def throughput(
    endpoint: "Endpoint", size: int, count: int, *, window: int = 32, timeout: float = 5.0
) -> Throughput:
    """Keep up to ``window`` messages under way until ``count`` came back.

    Raises EchoError when one comes back changed or out of order, TimeoutError, OSError.
    Thread safety: none; the caller serialises.
    """
    begin_ns = time.perf_counter_ns()
    sent = received = 0
    while received < count:
        while sent < min(count, received + window):
            endpoint.send(payload(sent, size), timeout=timeout)
            sent += 1
        message = endpoint.recv(timeout=timeout)
        if message.data != payload(received, size):
            raise EchoError(f"message {received} of {count} came back changed or out of order")
        received += 1
    return Throughput(count, size, time.perf_counter_ns() - begin_ns)
