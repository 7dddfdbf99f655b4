# SPDX-License-Identifier: Apache-2.0
"""What somebody could use instead, between two Python processes: both sides are the least that each library
needs for a round trip.
"""

import importlib.util
import os
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from rprochost.bench.histogram import Histogram
from rprochost.bench.pairs import Pair, stamps

_MOST = 1 << 16


class PipePair(Pair):
    """Two pipes, os.write and os.read. Thread safety: none; the caller serialises."""

    name = "pipe"
    title = "os.pipe"

    def __init__(self, size: int) -> None:
        """Make the pipes."""
        super().__init__(size)
        self._answers, self._out = os.pipe()
        self._in, self._questions = os.pipe()

    def share(self) -> tuple[list[int], list[str]]:
        """Share the peer's ends."""
        return [self._in, self._out], []

    @classmethod
    def join(cls, words: Sequence[str]) -> Callable[[int, int], None]:
        """Copy from one pipe to the other."""
        source, goal = map(int, words)

        def answer(_first: int, num: int) -> None:
            for _ in range(num):
                os.write(goal, os.read(source, _MOST))

        return answer

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Write and read."""
        times, now, data = stamps(num), time.perf_counter_ns, self.data
        goal, source, write, read = self._questions, self._answers, os.write, os.read
        times[0] = now()
        for i in range(num):
            write(goal, data)
            read(source, _MOST)
            times[i + 1] = now()
        histogram.record_turns(times)

    def hand_over(self) -> None:
        """Close the peer's ends."""
        os.close(self._in)
        os.close(self._out)

    def close(self) -> None:
        """Close the host's ends."""
        os.close(self._answers)
        os.close(self._questions)


class SocketPair(Pair):
    """A pair of Unix sockets that keep messages apart. Thread safety: none; the caller serialises."""

    name = "seqpacket"
    title = "socketpair, SOCK_SEQPACKET"

    def __init__(self, size: int) -> None:
        """Make the sockets."""
        super().__init__(size)
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def share(self) -> tuple[list[int], list[str]]:
        """Share the peer's end."""
        return [self._theirs.fileno()], []

    @classmethod
    def join(cls, words: Sequence[str]) -> Callable[[int, int], None]:
        """Send back what comes."""
        end = socket.socket(fileno=int(words[0]))

        def answer(_first: int, num: int) -> None:
            for _ in range(num):
                end.send(end.recv(_MOST))

        return answer

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Send and receive."""
        times, now, data = stamps(num), time.perf_counter_ns, self.data
        send, recv = self._ours.send, self._ours.recv
        times[0] = now()
        for i in range(num):
            send(data)
            recv(_MOST)
            times[i + 1] = now()
        histogram.record_turns(times)

    def hand_over(self) -> None:
        """Close the peer's end."""
        self._theirs.close()

    def close(self) -> None:
        """Close the host's end."""
        self._ours.close()


class ConnectionPair(SocketPair):
    """multiprocessing.Pipe, whose ends are such sockets. Thread safety: none; the caller serialises."""

    name = "mp-pipe"
    title = "multiprocessing.Pipe, send_bytes"

    def __init__(self, size: int) -> None:
        """Make the two ends as multiprocessing.Pipe does."""
        Pair.__init__(self, size)
        self._ours, self._theirs = socket.socketpair()
        self._end = Connection(os.dup(self._ours.fileno()))

    @classmethod
    def join(cls, words: Sequence[str]) -> Callable[[int, int], None]:
        """Send back what comes."""
        end = Connection(int(words[0]))

        def answer(_first: int, num: int) -> None:
            for _ in range(num):
                end.send_bytes(end.recv_bytes())

        return answer

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Send and receive."""
        times, now, data = stamps(num), time.perf_counter_ns, self.data
        send, recv = self._end.send_bytes, self._end.recv_bytes
        times[0] = now()
        for i in range(num):
            send(data)
            recv()
            times[i + 1] = now()
        histogram.record_turns(times)

    def close(self) -> None:
        """Close the host's end."""
        self._end.close()
        super().close()


class ZmqPair(Pair):
    """pyzmq, PAIR sockets over ipc. Thread safety: none; the caller serialises."""

    name = "zmq"
    title = "pyzmq, PAIR over ipc"

    def __init__(self, size: int) -> None:
        """Bind the host's socket in a folder of its own."""
        super().__init__(size)
        import zmq

        self._folder = tempfile.TemporaryDirectory(prefix="rproc-bench-")
        self._place = f"ipc://{Path(self._folder.name) / 'socket'}"
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PAIR)
        self._socket.bind(self._place)

    def share(self) -> tuple[list[int], list[str]]:
        """Tell the place."""
        return [], [self._place]

    @classmethod
    def join(cls, words: Sequence[str]) -> Callable[[int, int], None]:
        """Send back what comes."""
        import zmq

        end = zmq.Context().socket(zmq.PAIR)
        end.connect(words[0])

        def answer(_first: int, num: int) -> None:
            for _ in range(num):
                end.send(end.recv())

        return answer

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Send and receive."""
        times, now, data = stamps(num), time.perf_counter_ns, self.data
        send, recv = self._socket.send, self._socket.recv
        times[0] = now()
        for i in range(num):
            send(data)
            recv()
            times[i + 1] = now()
        histogram.record_turns(times)

    def close(self) -> None:
        """Close the socket and remove its folder."""
        self._context.destroy(linger=0)
        self._folder.cleanup()


def installed() -> list[type[Pair]]:
    """Return the rivals whose libraries are installed, the slow to import only named. Thread safety: any
    thread.
    """
    found: list[type[Pair]] = [PipePair, SocketPair, ConnectionPair]
    if importlib.util.find_spec("zmq") is not None:
        found.append(ZmqPair)
    if importlib.util.find_spec("iceoryx2") is not None:
        from rprochost.bench.iceoryx import EventPair, PollingPair

        found += [PollingPair, EventPair]
    return found


def missing() -> list[str]:
    """Return the libraries that are not installed and would be measured otherwise.

    Thread safety: any thread.
    """
    return [name for name in ("zmq", "iceoryx2") if importlib.util.find_spec(name) is None]
