# SPDX-License-Identifier: Apache-2.0
"""``rpmsg ping``: round trips to a channel that answers with what it got."""

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from rprochost.cli import target
from rprochost.cli.common import EXIT_OK, Output, Verb, positive, seconds

if TYPE_CHECKING:
    from rpmsg import Endpoint
    from rprochost.bench.histogram import Histogram

EXAMPLES = """\
rpmsg ping --firmware build/examples/libecho.so rpmsg-echo
rpmsg ping --machine machine.toml door:rpmsg-echo --count 100000 --size 496
rpmsg ping --machine machine.toml door:rpmsg-echo --interval 0.5 --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    target.configure(parser, channel=True)
    parser.add_argument("--count", type=positive, default=1000, help="round trips (%(default)s)")
    parser.add_argument("--size", type=positive, default=16, help="bytes of each message (%(default)s)")
    parser.add_argument(
        "--interval",
        type=seconds,
        default=0.0,
        metavar="S",
        help="pause between two, shown one by one (%(default)s s)",
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Ping and print percentiles; an answer that is missing or differs is an error."""
    from rprochost.text import microseconds

    with target.open_channel(arguments, output) as (channel, endpoint):
        output.say(
            f"{channel.name}: address {endpoint.dst:#x}, {arguments.size} of at most {endpoint.mtu} bytes"
        )
        histogram = (
            _slowly(arguments, output, endpoint) if arguments.interval else _fast(arguments, output, endpoint)
        )
    summary = histogram.summary()
    times = "  ".join(
        f"{label} {microseconds(value)}"
        for label, value in (
            ("min", summary.min_ns),
            ("p50", summary.p50_ns),
            ("p90", summary.p90_ns),
            ("p99", summary.p99_ns),
            ("max", summary.max_ns),
        )
    )
    output.record(
        {"channel": channel.name, "size": arguments.size, **asdict(summary)},
        f"{summary.num} round trips of {arguments.size} bytes, µs:  {times}",
    )
    return EXIT_OK


def _fast(arguments: argparse.Namespace, output: Output, endpoint: "Endpoint") -> "Histogram":
    from rprochost.bench.echo import round_trips
    from rprochost.text import Progress

    with Progress("ping", arguments.count, quiet=output.quiet or output.json) as progress:
        return round_trips(
            endpoint, arguments.size, arguments.count, timeout=arguments.timeout, on_progress=progress.update
        )


def _slowly(arguments: argparse.Namespace, output: Output, endpoint: "Endpoint") -> "Histogram":
    from rprochost.bench.echo import one_round_trip
    from rprochost.bench.histogram import Histogram
    from rprochost.text import microseconds

    histogram = Histogram()
    for number in range(arguments.count):
        if number:
            time.sleep(arguments.interval)
        elapsed_ns = one_round_trip(endpoint, number, arguments.size, arguments.timeout)
        histogram.record(elapsed_ns)
        line = f"{arguments.size} bytes: seq={number} time={microseconds(elapsed_ns)} µs"
        output.record(
            {"seq": number, "size": arguments.size, "time_ns": elapsed_ns}, None if output.quiet else line
        )
    return histogram


VERB = Verb("ping", "measure round trips to a channel that echoes", EXAMPLES, configure, run)
