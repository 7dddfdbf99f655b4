# SPDX-License-Identifier: Apache-2.0
"""``rpmsg ping``: round trips to a channel that answers with what it got.

The letters are those of TI's rpmsg_char_benchmark, so that its command lines work here.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rprochost.cli import target
from rprochost.cli.common import EXIT_OK, Output, UsageError, Verb, positive, seconds

if TYPE_CHECKING:
    from rpmsg import Endpoint
    from rprochost.bench.histogram import Histogram
    from rprochost.machine import Machine

EXAMPLES = """\
rpmsg ping --firmware build/examples/libecho.so rpmsg-echo
rpmsg ping --machine machine.toml door:rpmsg-echo --count 100000 --size 496
rpmsg ping --machine machine.toml door:rpmsg-echo --interval 0.5 --json
rpmsg ping --firmware build/examples/echo rpmsg-echo -n 100000 -m 1,490 --histogram trips.txt
rpmsg ping --machine machine.toml -r door -p 0x400 -l 0x500"""

_ADDRESS_MAX = 0xFFFF_FFFE


def sizes(text: str) -> list[int]:
    """An option's value: numbers of bytes above 0, with commas between them."""
    return [positive(part) for part in text.split(",")]


def address(text: str) -> int:
    """An option's value: an rpmsg address, decimal or with 0x."""
    value = int(text, 0)
    if not 0 <= value <= _ADDRESS_MAX:
        raise argparse.ArgumentTypeError(f"must be 0 to {_ADDRESS_MAX:#x}: {text}")
    return value


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    target.configure(parser, channel=False)
    add = parser.add_argument
    add("channel", nargs="?", metavar="[CORE:]CHANNEL", help="name of the channel, and of its core")
    add("-r", "--core", help="name of the core, if it does not stand before the channel")
    add("-d", "--device", metavar="CHANNEL", help="name of the channel, likewise")
    add("-p", "--dst", type=address, metavar="ADDR", help="remote address (default: the channel's)")
    add("-l", "--src", type=address, metavar="ADDR", help="local address (default: a free one)")
    add("-n", "--count", type=positive, default=1000, help="round trips of each size (%(default)s)")
    add("-m", "--size", type=sizes, default=[16], metavar="N[,N]", help="bytes of each message (16)")
    add("--interval", type=seconds, default=0.0, metavar="S", help="pause between two, shown one by one")
    add(
        "--timeout", type=seconds, default=5.0, metavar="S", help="longest wait for one thing (%(default)s s)"
    )
    add("--histogram", type=Path, metavar="FILE", help="write lines `µs , number of round trips`")


# ---- who is pinged ---------------------------------------------------------------------------------------


def _names(arguments: argparse.Namespace) -> tuple[str | None, str | None]:
    """Return the names of core and channel, each None when it was not given."""
    core, name = (None, None) if arguments.channel is None else target.split_channel(arguments.channel)
    for given, other, option in ((core, arguments.core, "--core"), (name, arguments.device, "--device")):
        if given is not None and other is not None:
            raise UsageError(f"{option} says what {arguments.channel!r} says already")
    return core or arguments.core, name or arguments.device


@contextmanager
def _open(arguments: argparse.Namespace, output: Output) -> Iterator[tuple[str, "Endpoint"]]:
    """Boot the machine and open an endpoint; yields its name with it."""
    core, name = _names(arguments)
    if name is None and arguments.dst is None:
        raise UsageError("who is pinged? Name a channel, or an address with --dst")
    with target.make_machine(arguments, output) as machine:
        if name is None:
            yield from _open_address(machine, core, arguments)
        else:
            yield from _open_channel(machine, core, name, arguments)


def _open_address(
    machine: "Machine", core: str | None, arguments: argparse.Namespace
) -> Iterator[tuple[str, "Endpoint"]]:
    from rpmsg import ADDR_ANY

    if core is None and len(machine) != 1:
        raise UsageError("which core is pinged? Name it with --core")
    owner = machine[core or next(iter(machine))]
    src = ADDR_ANY if arguments.src is None else arguments.src
    with target.naming(owner), owner.bus.create_endpoint(src, arguments.dst) as endpoint:
        yield f"{arguments.dst:#x}", endpoint


def _open_channel(
    machine: "Machine", core: str | None, name: str, arguments: argparse.Namespace
) -> Iterator[tuple[str, "Endpoint"]]:
    from rpmsg import ADDR_ANY

    channel = machine.wait_channel(name, core=core, timeout=arguments.timeout)
    owner = next((one for one in machine.values() if channel in one.channels), None)
    with target.naming(owner):
        # Without an owner it was withdrawn meanwhile, and says so.
        if owner is None or (arguments.src is None and arguments.dst is None):
            endpoint = channel.open()
        else:
            src = ADDR_ANY if arguments.src is None else arguments.src
            dst = channel.dst if arguments.dst is None else arguments.dst
            endpoint = owner.bus.create_endpoint(src, dst, name)
        with endpoint:
            yield name, endpoint


# ---- round trips -----------------------------------------------------------------------------------------


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Ping and print percentiles; an answer that is missing or differs is an error."""
    from rprochost.bench.histogram import Histogram

    every = Histogram()
    with _open(arguments, output) as (name, endpoint):
        for size in arguments.size:
            output.say(f"{name}: address {endpoint.dst:#x}, {size} of at most {endpoint.mtu} bytes")
            histogram = _ping(arguments, output, endpoint, size)
            _show(name, size, histogram, output)
            every.merge(histogram)
    if arguments.histogram:
        _write(every, arguments.histogram)
    return EXIT_OK


def _ping(arguments: argparse.Namespace, output: Output, endpoint: "Endpoint", size: int) -> "Histogram":
    from rprochost.bench.echo import round_trips
    from rprochost.text import Progress

    if arguments.interval:
        return _slowly(arguments, output, endpoint, size)
    with Progress("ping", arguments.count, quiet=output.quiet or output.json) as progress:
        return round_trips(
            endpoint, size, arguments.count, timeout=arguments.timeout, on_progress=progress.update
        )


def _slowly(arguments: argparse.Namespace, output: Output, endpoint: "Endpoint", size: int) -> "Histogram":
    from rprochost.bench.echo import one_round_trip
    from rprochost.bench.histogram import Histogram
    from rprochost.text import microseconds

    histogram = Histogram()
    for number in range(arguments.count):
        if number:
            time.sleep(arguments.interval)
        elapsed_ns = one_round_trip(endpoint, number, size, arguments.timeout)
        histogram.record(elapsed_ns)
        line = f"{size} bytes: seq={number} time={microseconds(elapsed_ns)} µs"
        output.record({"seq": number, "size": size, "time_ns": elapsed_ns}, None if output.quiet else line)
    return histogram


def _show(name: str, size: int, histogram: "Histogram", output: Output) -> None:
    from rprochost.text import microseconds

    summary = histogram.summary()
    values = asdict(summary)
    labels = {
        "min": "min",
        "p50": "p50",
        "p90": "p90",
        "p99": "p99",
        "p999": "p99.9",
        "max": "max",
        "mean": "mean",
    }
    times = "  ".join(f"{label} {microseconds(values[f'{field}_ns'])}" for field, label in labels.items())
    output.record(
        {"channel": name, "size": size, **values}, f"{summary.num} round trips of {size} bytes, µs:  {times}"
    )


def _write(histogram: "Histogram", file: Path) -> None:
    """Write how often each time was seen, in whole microseconds, rounded down."""
    counts: dict[int, int] = {}
    for highest_ns, count in histogram.buckets():
        counts[highest_ns // 1000] = counts.get(highest_ns // 1000, 0) + count
    file.write_text("".join(f"{us} , {count}\n" for us, count in counts.items()), encoding="ascii")


VERB = Verb("ping", "measure round trips to a channel that echoes", EXAMPLES, configure, run)
