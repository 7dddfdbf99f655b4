# SPDX-License-Identifier: Apache-2.0
"""Every suite on running cores, with few messages: what it measures is all there, and nothing is left."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from rprochost._native import lib
from rprochost.bench.bench_core import ALWAYS_US, Behaviour, BenchCore, Cores, firmware
from rprochost.bench.c_loops import EchoInC, LoopError, NativeLoop
from rprochost.bench.event_loops import EventLoopEcho, drivers
from rprochost.bench.histogram import Histogram
from rprochost.bench.options import OWN_SUITE, QUICK, STANDARD_SUITES, Options
from rprochost.bench.placement import Placement, Places, cpus, threads
from rprochost.bench.python_loops import EchoInPython, ReceiveByDescriptors, ReceiveInPython, SendInPython
from rprochost.bench.run import run_suites
from rprochost.bench.runner import measure
from rprochost.bench.suite import Found
from rprochost.bench.suites import STANDARD, SUITES

FEW = replace(
    QUICK,
    rounds=2,
    round_s=0.0001,
    sizes=(16,),
    batch=8,
    outstanding=4,
    cores=(1, 2),
    endpoints=(1, 3),
    message_sizes=(1, 65520),
    rings=(2, 4096),
    idle_cores=2,
    idle_s=0.05,
)


@cache
def run(name: str, options: Options = FEW) -> Found:
    """Run one suite, once for all tests that ask for the same."""
    return run_suites([SUITES[name]], options, lambda _: None).suites[name]


@pytest.fixture
def core() -> Iterator[BenchCore]:
    """A running core in a process, that is never waited for asleep."""
    with ExitStack() as stack:
        yield Cores(stack, Places.choose(Placement.FREE)).boot("core", spin_us=ALWAYS_US)


# ---- suites ----------------------------------------------------------------------------------------------


def test_the_command_line_knows_the_suites() -> None:
    assert tuple(suite.name for suite in STANDARD) == STANDARD_SUITES
    assert set(SUITES) == {*STANDARD_SUITES, OWN_SUITE}


@pytest.mark.parametrize("name", [name for name in SUITES if name not in {"idle", "growth"}])
def test_a_suite_measures_each_of_its_cases_in_every_round(name: str) -> None:
    found = run(name)
    if len(cpus()) > 1:
        assert found.left_out == []
        assert found.results
    assert len({result.id for result in found.results}) == len(found.results)
    for result in found.results:
        assert len(result.values_ns) == FEW.rounds
        assert min(result.values_ns) > 0
        assert result.num > 0


def test_trips_are_set_beside_a_floor_and_what_others_offer() -> None:
    roles = {result.id: result.role for result in run("blocking").results}
    assert {name for name, role in roles.items() if role == "floor"} >= {"bell", "python-bell"}
    assert {name for name, role in roles.items() if role == "rival"} >= {
        "pipe",
        "seqpacket",
        "mp-pipe",
        "zmq",
    }
    assert {name for name, role in roles.items() if role == "ours"} >= {"c-process", "python-python"}


def test_idle_cores_are_counted_and_weighed() -> None:
    figures = run("idle").figures
    assert figures["cores"] == 2
    assert figures["memory_kib_per_core"] > 0
    assert figures["boot_ms_per_core"] > 0
    assert figures["wakeups"] >= 0


def test_growth_has_a_point_for_each_number_and_an_exponent() -> None:
    curves = {curve.id: curve for curve in run("growth").curves}
    assert {x for x, _ in curves["cores"].points} == set(FEW.cores)
    assert {x for x, _ in curves["endpoints"].points} == set(FEW.endpoints)
    assert {x for x, _ in curves["sizes-python"].points} == set(FEW.message_sizes)
    assert {x for x, _ in curves["rings"].points} == set(FEW.rings)
    assert all(-20 < curve.exponent < 20 for curve in curves.values())


@pytest.mark.parametrize("name", ["round-trip", "spin", "one-way", "loops"])
def test_what_needs_two_cpus_is_left_out_on_one_with_the_reason(name: str) -> None:
    found = run(name, replace(FEW, placement=Placement.SAME))
    assert found.results == []
    assert "CPU for each" in found.left_out[0]


@pytest.mark.parametrize("kind", ["process", "library", "python"])
def test_the_own_suite_takes_every_knob(kind: str) -> None:
    options = replace(FEW, kind=kind, echo_cores=2, echo_endpoints=3, spin_us=5, work_us=1.0, sizes=(1, 100))
    found = run("echo", options)
    assert {result.id for result in found.results} == {"trip-1", "window-1", "trip-100", "window-100"}
    assert {result.params["work_us"] for result in found.results} == {1.0}


def test_programs_that_are_not_built_are_named(tmp_path: Path) -> None:
    found = run("programs", replace(FEW, programs=tmp_path))
    assert found.results == []
    assert "bench_hot_loop: not built" in found.left_out


def test_a_program_that_fails_says_what_it_said(tmp_path: Path) -> None:
    program = tmp_path / "bench_hot_loop"
    program.write_text("#!/bin/sh\necho no luck >&2\nexit 3\n", encoding="ascii")
    program.chmod(0o755)
    with pytest.raises(RuntimeError, match="exit code 3: no luck"):
        run("programs", replace(FEW, programs=tmp_path))


def test_a_run_leaves_no_process_thread_or_cpu_behind() -> None:
    run("idle")  # the service thread stays, once it is there
    threads, allowed = threading.active_count(), os.sched_getaffinity(0)
    before = _children()
    run("blocking", replace(FEW, sizes=(17,)))
    assert _children() == before
    assert threading.active_count() == threads
    assert os.sched_getaffinity(0) == allowed


def _children() -> set[str]:
    return {
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }


# ---- cores and loops -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), [("process", {}), ("python", {"process": True})])
def test_a_core_that_is_a_process_is_put_on_its_cpus(kind: str, options: dict[str, bool]) -> None:
    places = Places.choose(Placement.OTHER)
    with ExitStack() as stack:
        core = Cores(stack, places).boot("core", kind, **options)
        (pid,) = core.pids
        assert {frozenset(os.sched_getaffinity(thread)) for thread in threads(pid)} == {places.peer}


@pytest.mark.parametrize("kind", ["library", "python"])
def test_a_core_that_is_a_thread_is_put_on_its_cpus_alone(kind: str) -> None:
    places = Places.choose(Placement.OTHER)
    own = threading.get_native_id()
    allowed = frozenset(os.sched_getaffinity(own))
    with ExitStack() as stack:
        cores = Cores(stack, places)
        cores.boot("first", kind)  # starts what all cores share
        before = threads(os.getpid())
        core = cores.boot("core", kind)
        assert core.pids == []
        (thread,) = threads(os.getpid()) - before
        assert frozenset(os.sched_getaffinity(thread)) == places.peer
        assert frozenset(os.sched_getaffinity(own)) == allowed


def test_c_and_python_measure_the_same_core(core: BenchCore) -> None:
    for size in (1, 16, 496):
        for behaviour in (Behaviour(), Behaviour(polling=True), Behaviour(work_us=2.0)):
            for kind in (EchoInC, EchoInPython):
                case = kind(core, "a", "b", size, behaviour)
                histogram = Histogram()
                assert case.run(30, histogram) > 0
                assert histogram.num == 30
                assert histogram.min_ns >= behaviour.work_us * 1000


def test_every_message_of_a_flood_comes(core: BenchCore) -> None:
    ways = [ReceiveInPython(core, how, how, 16, 8, how) for how in ("one", "messages", "array")]
    several = ReceiveByDescriptors(core, "epoll", "epoll", 16, 8, 3)
    before = core.bus.statistics().rx_messages
    for case in (*ways, several, *ways):
        case.run(500, Histogram())
    # Each flood is announced by one message.
    assert core.bus.statistics().rx_messages - before == 7 * 501 + 1


def test_every_message_that_is_sent_is_counted_by_the_core(core: BenchCore) -> None:
    ways = [
        SendInPython(core, "one", "one", 16, 1),
        SendInPython(core, "many", "many", 16, 64),
        SendInPython(core, "array", "array", 16, 64, array=True),
    ]
    before = core.bus.statistics().tx_messages
    for case in ways:
        case.run(1000, Histogram())
    assert core.bus.statistics().tx_messages - before == 3 * 1001 + 1


@pytest.mark.parametrize("loop", drivers())
def test_an_event_loop_may_be_used_again_and_again(core: BenchCore, loop: str) -> None:
    case = EventLoopEcho(core, loop, 16, 0.0)
    for num in (1, 10, 10):
        histogram = Histogram()
        case.run(num, histogram)
        assert histogram.num == num


def test_a_flood_fits_into_an_inbox(core: BenchCore) -> None:
    nums = [core.flood_num(size) for size in (65520, 496, 16)]
    assert 1 <= nums[0] <= nums[1] <= nums[2] <= core.core.settings.rpmsg.inbox // 2
    assert all(num * (size + 64) <= 16 << 20 for num, size in zip(nums, (65520, 496, 16), strict=True))


def test_a_loop_in_c_tells_that_its_core_is_gone(core: BenchCore) -> None:
    loop = NativeLoop(core, core.echo.dst, 16, 1)
    loop.run(lib.rp_loop_echo, 10)
    core.core.stop()
    with pytest.raises(LoopError, match="EPIPE"):
        loop.run(lib.rp_loop_echo, 10)


def test_an_empty_message_cannot_be_checked_by_a_loop_in_c(core: BenchCore) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        NativeLoop(core, core.echo.dst, 0, 1)


def test_there_is_no_ecu_for_unknown_kinds() -> None:
    with pytest.raises(ValueError, match="only process, library and python"):
        firmware("emulated")


def test_rounds_begin_with_another_case_each() -> None:
    order: list[str] = []

    class Noted(EchoInPython):
        def __init__(self, name: str) -> None:
            self.id = self.title = name

        def run(self, num: int, histogram: Histogram) -> int:
            if num > 25:
                order.append(self.id)
            return 1000 * num

    measure([Noted("a"), Noted("b"), Noted("c")], replace(FEW, round_s=0.0001), lambda _: None)
    assert "".join(order) == "abcbca"
