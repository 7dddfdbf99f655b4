# SPDX-License-Identifier: Apache-2.0
"""Messages in one direction, as fast as both sides can, and doorbells under load."""

from contextlib import ExitStack

from rprochost.bench.bench_core import ALWAYS_US, INBOX, Behaviour, BenchCore, Cores
from rprochost.bench.c_loops import EchoInC, ReceiveInC, SendInC
from rprochost.bench.case import Case
from rprochost.bench.python_loops import (
    ReceiveByDescriptors,
    ReceiveInPython,
    SendInPython,
    WindowInPython,
)
from rprochost.bench.suite import Bench, Found, Suite
from rprochost.bench.suites.round_trip import NEEDS_TWO_CPUS


def _receiving(core: BenchCore, size: int, batch: int) -> list[Case]:
    return [
        ReceiveInC(core, f"c-recv-{size}", f"to the host, C, {size} B", size, batch),
        ReceiveInPython(core, f"array-recv-{size}", f"recv_into an array, {size} B", size, batch, "array"),
        ReceiveInPython(core, f"many-recv-{size}", f"recv_many, {size} B", size, batch, "messages"),
        ReceiveInPython(core, f"one-recv-{size}", f"recv one by one, {size} B", size, batch, "one"),
        ReceiveByDescriptors(core, f"epoll-recv-{size}", f"epoll, 10 endpoints, {size} B", size, batch),
    ]


def _sending(core: BenchCore, size: int, batch: int) -> list[Case]:
    return [
        SendInC(core, f"c-send-{size}", f"to the core, C, {size} B", size, batch),
        SendInPython(core, f"array-send-{size}", f"send_many of an array, {size} B", size, batch, array=True),
        SendInPython(core, f"many-send-{size}", f"send_many, {size} B", size, batch),
        SendInPython(core, f"one-send-{size}", f"send one by one, {size} B", size, 1),
    ]


def run(bench: Bench) -> Found:
    """Measure; nothing with a single CPU. Thread safety: none; the caller serialises."""
    if not bench.places.apart:
        return Found(left_out=[NEEDS_TWO_CPUS])
    batch, window = bench.options.batch, bench.options.outstanding
    polling = Behaviour(polling=True)
    with ExitStack() as stack:
        core = Cores(stack, bench.places).boot("process", spin_us=ALWAYS_US, rpmsg={"inbox": INBOX})
        cases: list[Case] = []
        for size in bench.options.sizes:
            cases += [*_receiving(core, size, batch), *_sending(core, size, batch)]
        size = bench.options.sizes[0]
        title = f"there and back, {window} under way, {size} B"
        cases += [
            EchoInC(core, f"c-window-{size}", f"{title}, C", size, polling, outstanding=window),
            WindowInPython(core, f"window-{size}", f"{title}, Python", size, window, polling),
        ]
        return Found(bench.measure(cases))


SUITE = Suite("one-way", "messages per second in one direction, and with several under way", run)
