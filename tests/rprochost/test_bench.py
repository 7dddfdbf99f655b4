# SPDX-License-Identifier: Apache-2.0
"""The measuring code: placement, pairs of processes, what they leave behind, counts."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rprochost.bench import floors, meter, placement, rivals
from rprochost.bench.echo import Throughput, payload
from rprochost.bench.facts import machine_facts
from rprochost.bench.histogram import Histogram
from rprochost.bench.pairs import Pair, PairError, open_pairs
from rprochost.bench.placement import Placement, Places

KINDS: tuple[type[Pair], ...] = (*floors.PAIRS, *rivals.installed())


def make(kind: type[Pair]) -> Pair:
    """Return a pair; a floor is told its title, a rival its size."""
    return kind(kind.name) if issubclass(kind, floors.Floor) else kind(16)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is to be stopped at the end."""
    with ExitStack() as stack:
        yield stack


def is_gone(pid: int) -> bool:
    """Whether a process has ended and was reaped."""
    return not Path(f"/proc/{pid}").exists()


# ---- placement -------------------------------------------------------------------------------------------


def test_a_thread_stays_on_its_cpus_inside_the_block_only() -> None:
    before = os.sched_getaffinity(0)
    with placement.on_cpus(placement.cpus()[0]):
        assert placement.cpus() == sorted(before)[:1]
    assert os.sched_getaffinity(0) == before


def test_places_share_a_cpu_unless_they_are_asked_for_others_and_there_are_some() -> None:
    first, last = frozenset(placement.cpus()[:1]), frozenset(placement.cpus()[-1:])
    same, other, free = (Places.choose(one) for one in (Placement.SAME, Placement.OTHER, Placement.FREE))
    assert (same.host, same.peer, same.apart) == (first, first, False)
    assert (other.host, other.peer, other.apart) == (first, last, first != last)
    assert free.host == free.peer == set(placement.cpus())
    assert other.together().peer == first


def test_pinning_one_thread_leaves_the_others_alone() -> None:
    before, over = os.sched_getaffinity(0), threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        placement.pin_thread(thread.native_id, [min(before)])
        assert os.sched_getaffinity(thread.native_id) == {min(before)}
        assert os.sched_getaffinity(0) == before
    finally:
        over.set()
        thread.join()
    placement.pin_thread(thread.native_id, before)  # it has ended: nothing happens


# ---- pairs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_pair_counts_every_turn_and_leaves_no_process(stack: ExitStack, kind: type[Pair]) -> None:
    pair = make(kind)
    open_pairs(stack, [pair], placement.cpus()[-1:])
    for num in (3, 20):
        histogram = Histogram()
        assert pair.run(num, histogram) > 0
        assert histogram.num == num
        assert histogram.min_ns > 0
    (pid,) = pair.pids
    assert not is_gone(pid)
    stack.close()
    assert is_gone(pid)


def test_a_pair_that_was_never_started_can_be_stopped() -> None:
    floors.BellFloor("bell").stop()


def test_a_peer_that_has_died_is_an_error(stack: ExitStack) -> None:
    pair = rivals.PipePair(16)
    open_pairs(stack, [pair], placement.cpus())
    os.kill(pair.pids[0], 9)
    with pytest.raises(PairError, match="gone"):
        pair.run(5, Histogram())


def test_a_peer_that_does_not_start_is_an_error(stack: ExitStack) -> None:
    class Unknown(rivals.PipePair):
        name = "no such pair"

    with pytest.raises(PairError, match="did not start"):
        open_pairs(stack, [Unknown(16)], placement.cpus())


def test_a_peer_ends_with_its_host_however_that_ends() -> None:
    code = (
        "import os\n"
        "from contextlib import ExitStack\n"
        "from rprochost.bench.pairs import open_pairs\n"
        "from rprochost.bench.floors import FlagFloor\n"
        "pair = FlagFloor('flag')\n"
        "open_pairs(ExitStack(), [pair], os.sched_getaffinity(0))\n"
        "print(pair.pids[0], flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    pid = int(done.stdout)
    deadline = time.monotonic() + 20
    while not is_gone(pid) and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "the peer lives on"
        time.sleep(0.01)


def test_what_is_not_installed_is_not_measured_but_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert {kind.name for kind in rivals.installed()} == {"pipe", "seqpacket", "mp-pipe"}
    assert rivals.missing() == ["zmq", "iceoryx2"]


def test_iceoryx2_leaves_no_shared_memory(stack: ExitStack) -> None:
    from rprochost.bench.iceoryx import EventPair

    pair = EventPair(16)
    _, (folder, prefix) = pair.share()
    open_pairs(stack, [pair], placement.cpus())
    pair.run(5, Histogram())
    assert list(Path("/dev/shm").glob(f"{prefix}*")) != []
    stack.close()
    assert list(Path("/dev/shm").glob(f"{prefix}*")) == []
    assert not Path(folder).exists()


# ---- counts ----------------------------------------------------------------------------------------------


def test_usage_counts_what_happened_in_between() -> None:
    before = meter.read()
    for _ in range(3):
        time.sleep(0.001)
    sum(range(100_000))
    used = meter.read() - before
    assert used.host_cpu_ns > 0
    assert used.switches >= 3
    assert (used + used).switches == 2 * used.switches
    assert used.per_message(used.switches)["switches_per_message"] == 1


def test_the_cpu_time_of_another_process_is_the_one_that_it_sees_itself() -> None:
    code = (
        "import sys, time\nsum(range(2_000_000))\nprint(time.process_time_ns(), flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        own = int(process.stdout.readline())
        seen = meter.cpu_ns(process.pid)
        process.communicate()
    assert seen >= own > 0
    assert meter.cpu_ns(process.pid) == 0


def test_a_thread_that_sleeps_is_seen_to_sleep() -> None:
    own = threading.get_native_id()
    before = meter.sleeps(os.getpid())[own]
    for _ in range(5):
        time.sleep(0.001)
    assert meter.sleeps(os.getpid())[own] >= before + 5


def test_memory_of_a_process_is_above_nothing_and_that_of_none_is_none() -> None:
    assert meter.memory_kib([os.getpid()]) > 1000
    assert meter.memory_kib([]) == 0
    assert meter.memory_kib([2**22 + 1]) == 0


# ---- the rest --------------------------------------------------------------------------------------------


def test_facts_name_the_machine_and_the_build() -> None:
    facts = machine_facts()
    assert facts["cpus"] >= 1
    assert facts["cpus_allowed"] == sorted(os.sched_getaffinity(0))
    assert facts["kernel"] == os.uname().release
    assert facts["compiler"].split()[0] in {"gcc", "clang"}
    assert facts["packages"]["numpy"]
    assert 0 < facts["clock_cost_ns"] < 100_000


def test_payloads_tell_messages_apart_at_every_size() -> None:
    for size in (1, 4, 16, 496):
        assert len(payload(1, size)) == size
        assert payload(1, size) != payload(2, size)


def test_throughput_is_messages_per_second() -> None:
    assert Throughput(num=500, size=16, elapsed_ns=250_000_000).messages_per_second == 2000
