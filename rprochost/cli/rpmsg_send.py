# SPDX-License-Identifier: Apache-2.0
"""``rpmsg send``: messages to a channel, from the command line or stdin."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from itertools import repeat

from rprochost.cli import target
from rprochost.cli.common import EXIT_OK, Output, UsageError, Verb, positive, seconds
from rprochost.cli.rpmsg_recv import show

EXAMPLES = """\
rpmsg send --firmware build/examples/libecho.so rpmsg-echo "hello" --reply
rpmsg send --machine machine.toml door:rpmsg-raw "01 02 ff" --hex --count 10 --interval 0.1
seq 1000 | rpmsg send --machine machine.toml door:rpmsg-raw"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    target.configure(parser, channel=True)
    parser.add_argument("data", nargs="?", help="the message; without it, each line of stdin is one")
    parser.add_argument("--hex", action="store_true", help="the message is written in hexadecimal digits")
    parser.add_argument("--size", type=positive, help="pad or cut each message to this many bytes")
    parser.add_argument("--count", type=positive, default=1, help="how often to send it (%(default)s)")
    parser.add_argument(
        "--interval", type=seconds, default=0.0, metavar="S", help="pause between two (%(default)s s)"
    )
    parser.add_argument(
        "--linger",
        type=seconds,
        default=0.1,
        metavar="S",
        help="let the core take the last message before it is stopped (%(default)s s)",
    )
    parser.add_argument("--reply", action="store_true", help="wait for one message after each and print it")


def _encode(data: bytes, arguments: argparse.Namespace) -> bytes:
    if arguments.hex:
        try:
            data = bytes.fromhex(data.decode("ascii"))
        except ValueError as error:
            raise UsageError(f"not hexadecimal: {data!r} ({error})") from None
    return data if arguments.size is None else data[: arguments.size].ljust(arguments.size, b"\0")


def _messages(arguments: argparse.Namespace) -> Iterator[bytes]:
    if arguments.data is not None:
        yield from repeat(_encode(os.fsencode(arguments.data), arguments), arguments.count)
    # stdin can be closed.
    elif sys.stdin is not None:
        yield from (_encode(line.rstrip(b"\n"), arguments) for line in sys.stdin.buffer)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Send, and print answers with --reply."""
    # Before a core is booted for it.
    if arguments.data is not None:
        _encode(os.fsencode(arguments.data), arguments)
    elif arguments.count != 1:
        raise UsageError("--count goes with a message on the command line")
    sent = sent_bytes = 0
    with target.open_channel(arguments, output) as (channel, endpoint):
        for data in _messages(arguments):
            if sent and arguments.interval:
                time.sleep(arguments.interval)
            endpoint.send(data, timeout=arguments.timeout)
            sent, sent_bytes = sent + 1, sent_bytes + len(data)
            if arguments.reply:
                show(endpoint.recv(timeout=arguments.timeout), output, arguments.hex)
        if not arguments.reply:
            # Sent is not taken: the message lies in the ring until the core comes round to it.
            time.sleep(arguments.linger)
    noun = "message" if sent == 1 else "messages"
    output.record({"channel": channel.name, "sent": sent, "bytes": sent_bytes})
    output.say(f"{sent} {noun}, {sent_bytes} bytes to {channel.name}")
    return EXIT_OK


VERB = Verb("send", "send messages to a channel", EXAMPLES, configure, run)
