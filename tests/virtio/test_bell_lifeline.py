# SPDX-License-Identifier: Apache-2.0
"""Doorbells and lifeline."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from virtio import PAGE_SIZE, ClosedError, Deadline, Doorbells, Ida, Lifeline, SharedMemory, Wait


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    made = SharedMemory("test", [(0, PAGE_SIZE)])
    yield made
    made.close()


@pytest.fixture
def lifeline() -> Iterator[Lifeline]:
    made = Lifeline()
    yield made
    made.close()


def pending(memory: SharedMemory) -> int:
    (word,) = struct.unpack("<Q", memory.control_view()[:8])
    return int(word)


def test_a_kick_sets_the_bit_of_the_notify_id_and_rings(memory: SharedMemory) -> None:
    bells = Doorbells(memory)
    assert Wait([bells.core_end], Deadline(0)).ready() == ()
    bells.kick(0)
    bells.kick(63)
    assert pending(memory) == 1 << 63 | 1
    assert Wait([bells.core_end], Deadline(0)).ready() == (bells.core_end,)
    assert bells.kicks == 2
    bells.close()


def test_a_bell_whose_bit_is_set_is_not_rung_again(memory: SharedMemory) -> None:
    bells = Doorbells(memory)
    for _ in range(3):
        bells.kick(1)
    assert bells.kicks == 1
    memory.control_view()[:8] = bytes(8)
    bells.kick(1)
    assert bells.kicks == 2
    bells.close()


def test_a_full_pipe_never_blocks_a_kick(memory: SharedMemory) -> None:
    bells = Doorbells(memory)
    for _ in range(70_000):
        bells.kick(64)  # no bit stands for it, so each of them rings
    bells.close()


def test_closed_bells_ring_nobody_and_have_no_descriptors(memory: SharedMemory) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    bells = Doorbells(memory)
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 3
    bells.close()
    bells.close()
    bells.kick(0)
    assert pending(memory) == 0
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(ClosedError):
        _ = bells.core_end


def test_a_cut_wakes_whoever_waits_and_stays(lifeline: Lifeline) -> None:
    assert not lifeline.is_cut
    threading.Timer(0.01, lifeline.cut).start()
    assert Wait([lifeline.fileno()], Deadline(30)).ready() == (lifeline.fileno(),)
    lifeline.cut()
    assert lifeline.is_cut


def test_a_hang_up_of_a_watched_descriptor_cuts(lifeline: Lifeline) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lifeline.watch(ours.fileno(), hangup_only=True)
    theirs.send(b"a message is no hang-up")
    assert Wait([lifeline.fileno()], Deadline(0.05)).ready() == ()
    theirs.close()
    assert Wait([lifeline.fileno()], Deadline(30)).ready()
    lifeline.close()
    ours.close()


def test_a_pidfd_that_becomes_readable_cuts(lifeline: Lifeline) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    pidfd = os.pidfd_open(child)
    lifeline.watch(pidfd, hangup_only=False)
    assert Wait([lifeline.fileno()], Deadline(30)).ready()
    os.waitpid(child, 0)
    lifeline.close()
    os.close(pidfd)


def test_a_closed_lifeline_is_cut_and_refuses_use() -> None:
    lifeline = Lifeline()
    lifeline.close()
    lifeline.close()
    assert lifeline.is_cut
    with pytest.raises(ClosedError):
        lifeline.fileno()


def test_watching_too_much_or_nothing_is_an_error(lifeline: Lifeline) -> None:
    with pytest.raises(OSError, match="lifeline"):
        lifeline.watch(-1, hangup_only=True)


def test_ida_hands_out_the_lowest_free_number() -> None:
    ida = Ida()
    assert [ida.alloc() for _ in range(3)] == [0, 1, 2]
    ida.free(2)
    ida.free(0)
    assert [ida.alloc() for _ in range(3)] == [0, 2, 3]
