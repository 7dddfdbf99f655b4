# SPDX-License-Identifier: Apache-2.0
"""``rpmsg ls``: the channels that the cores announce."""

import argparse

from rprochost.cli import target
from rprochost.cli.common import EXIT_OK, Output, Verb, seconds

EXAMPLES = """\
rpmsg ls --machine machine.toml
rpmsg ls --firmware build/examples/libecho.so --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    target.configure(parser, channel=False)
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=1.0,
        metavar="S",
        help="longest wait for announcements (%(default)s s)",
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print one line per channel."""
    from rprochost.text import table
    from virtio.log import printable

    with target.make_machine(arguments, output) as machine:
        machine.settle(arguments.timeout)
        found = [(core.name, channel) for core in machine.values() for channel in core.channels]
    for name, channel in found:
        output.record({"core": name, "channel": channel.name, "src": channel.src, "dst": channel.dst})
    # The cores choose these names.
    rows = [
        (name, printable(channel.name), f"{channel.src:#x}", f"{channel.dst:#x}") for name, channel in found
    ]
    output.result("\n".join(table(("core", "channel", "src", "dst"), rows, "")) if rows else "no channels")
    return EXIT_OK


VERB = Verb("ls", "list the channels that the cores announce", EXAMPLES, configure, run)
