# SPDX-License-Identifier: Apache-2.0
"""Two processes that answer each other over something: the frame for floors and rivals.

A pair is one class for both sides. The host makes it and starts the peer, another interpreter with the same
class, which is told its descriptors and other arguments on the command line. Before each run the peer is told
how many turns will come; in between it sleeps, also one that spins while it runs.
"""

import os
import subprocess
import sys
import time
from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from rprochost.bench.case import Case, Role
from rprochost.bench.histogram import Histogram
from rprochost.bench.placement import pin_process

#: What a peer writes once it is ready for turns.
READY = b"ready\n"


class PairError(RuntimeError):
    """The other process of a pair did not start, or is gone. Thread safety: immutable."""

    hint = "run `python -m rprochost.bench.peers` with the same arguments to see what it says"


class Pair(Case):
    """Two processes joined by something. Thread safety: none; the caller serialises."""

    #: Word on the peer's command line.
    name: ClassVar[str]
    role: Role = "rival"

    def __init__(self, size: int) -> None:
        """Make the host's side; :meth:`start` starts the other. ``size`` is that of the messages, bytes."""
        self.id = self.name
        self.params = {"size": size}
        self.data = bytes(range(1, 251)) * (size // 250 + 1)
        self.data = self.data[:size]
        self._turn = 1

    # ---- what a kind of pair supplies ----

    @abstractmethod
    def share(self) -> tuple[list[int], list[str]]:
        """Return the descriptors that the peer inherits, and what else it is told."""

    @classmethod
    @abstractmethod
    def join(cls, words: Sequence[str]) -> Callable[[int, int], None]:
        """In the peer: return what answers turns, given the number of the first and how many."""

    @abstractmethod
    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """On the host: do turns and count the time of each."""

    def hand_over(self) -> None:
        """Close what only the peer needs, so that its end is noticed."""

    def close(self) -> None:
        """Give back what the host's side holds."""

    # ---- the rest ----

    def start(self) -> None:
        """Start the peer, which takes a moment: :meth:`wait_ready`. Raises OSError."""
        fds, words = self.share()
        # -P: a file of the current folder must not stand in for a module.
        command = [sys.executable, "-P", "-m", "rprochost.bench.peers", str(os.getpid()), self.name]
        self._peer = subprocess.Popen(
            [*command, *map(str, fds), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": python_path()},
            pass_fds=fds,
            bufsize=0,
            # Ctrl-C is for the host, which then ends the peer.
            process_group=0,
        )
        self.pids = [self._peer.pid]
        self.hand_over()

    def wait_ready(self, peer_cpus: Iterable[int]) -> None:
        """Wait until the peer is ready and put it on its CPUs; raises PairError."""
        assert self._peer.stdout is not None
        if self._peer.stdout.readline() != READY:
            raise PairError(f"the other process of {self.name!r} did not start")
        pin_process(self._peer.pid, peer_cpus)

    def run(self, num: int, histogram: Histogram) -> int:
        """Do turns; raises PairError when the peer is gone, and what the kind of pair raises."""
        first, self._turn = self._turn, self._turn + num
        try:
            assert self._peer.stdin is not None
            assert self._peer.stdout is not None
            self._peer.stdin.write(b"%d %d\n" % (first, num))
            # The peer is awake and about to look at the first turn before its clock starts.
            self._peer.stdout.readline()
            begin = time.perf_counter_ns()
            self.turns(first, num, histogram)
            return time.perf_counter_ns() - begin
        except BrokenPipeError as error:
            raise PairError(f"the other process of {self.name!r} is gone") from error

    def stop(self) -> None:
        """End the peer, whatever it is doing, and close the host's side."""
        if hasattr(self, "_peer"):
            self._peer.kill()
            self._peer.wait()
            for pipe in (self._peer.stdin, self._peer.stdout):
                if pipe is not None:
                    pipe.close()
        self.close()


def open_pairs(stack: ExitStack, pairs: Sequence[Pair], peer_cpus: Iterable[int]) -> None:
    """Start pairs, whose peers come up at the same time; the stack stops them. OSError, PairError.

    Thread safety: any thread.
    """
    for pair in pairs:
        stack.callback(pair.stop)
        pair.start()
    for pair in pairs:
        pair.wait_ready(peer_cpus)


def python_path() -> str:
    """Return a PYTHONPATH by which another interpreter finds this very package, however this one found it.

    Thread safety: any thread.
    """
    room = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, [room, os.environ.get("PYTHONPATH", "")]))


def stamps(num: int) -> "array[int]":
    """Return room for the readings of a clock before and after ``num`` turns. Thread safety: any thread."""
    return array("Q", bytes(8 * (num + 1)))
