# SPDX-License-Identifier: Apache-2.0
"""``rpmsg recv``: print what a channel sends."""

import argparse
from typing import TYPE_CHECKING

from rprochost.cli import target
from rprochost.cli.common import EXIT_OK, Output, Verb, positive

if TYPE_CHECKING:
    from rpmsg import Message

EXAMPLES = """\
rpmsg recv --machine machine.toml door:sensor
rpmsg recv --firmware sensor.elf sensor --first start --count 10 --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    target.configure(parser, channel=True)
    parser.add_argument("--count", type=positive, help="leave after so many messages (default: Ctrl-C)")
    parser.add_argument("--size", type=positive, help="print only the first bytes of each")
    parser.add_argument("--hex", action="store_true", help="print hexadecimal digits")
    parser.add_argument(
        "--first", metavar="TEXT", help="send this first: many cores learn only from a message whom to answer"
    )


def show(message: "Message", output: Output, as_hex: bool, size: int | None = None) -> None:
    """Print one message: text where it is printable UTF-8, else hexadecimal digits."""
    data = bytes(message.data[:size])
    try:
        text = data.decode().rstrip("\n\0")
    except UnicodeDecodeError:
        text = ""
    shown = data.hex(" ") if as_hex or not text.isprintable() or not text else text
    output.record({"src": message.src, "size": len(message.data), "data": data.hex()}, shown)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print messages until there were enough; a wait longer than --timeout is an error."""
    with target.open_channel(arguments, output) as (channel, endpoint):
        if arguments.first is not None:
            endpoint.send(arguments.first.encode(), timeout=arguments.timeout)
        output.detail(f"listening on {channel.name} at address {endpoint.addr:#x}")
        number = 0
        while arguments.count is None or number < arguments.count:
            # Without a count the wait is the user's to end.
            wait = None if arguments.count is None else arguments.timeout
            show(endpoint.recv(timeout=wait), output, arguments.hex, arguments.size)
            number += 1
    return EXIT_OK


VERB = Verb("recv", "print the messages of a channel", EXAMPLES, configure, run)
