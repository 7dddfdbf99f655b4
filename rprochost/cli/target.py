# SPDX-License-Identifier: Apache-2.0
"""What the verbs of ``rpmsg`` share: which machine, which channel, and the machine's life around the verb."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rprochost.cli.common import Output, UsageError, seconds

if TYPE_CHECKING:
    from rpmsg import Channel, Endpoint
    from rprochost.host_core import HostCore
    from rprochost.machine import Machine


def configure(parser: argparse.ArgumentParser, *, channel: bool) -> None:
    """Add the options that say which machine and which channel."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--machine", type=Path, metavar="FILE", help="boot the machine that this TOML file describes"
    )
    which.add_argument("--firmware", metavar="FILE", help="boot one core with this firmware")
    parser.add_argument("--kind", help="kind of core for --firmware (default: from the file)")
    if channel:
        parser.add_argument("channel", metavar="[CORE:]CHANNEL", help="name of the channel, and of its core")
        parser.add_argument(
            "--timeout",
            type=seconds,
            default=5.0,
            metavar="S",
            help="longest wait for a channel or a message (%(default)s s)",
        )


def add_core(machine: "Machine", file: str, kind: str | None, name: str | None = None) -> str:
    """Add the core that runs one firmware file, named after it, and return its name.

    It stays crashed after a crash, which the verb is to report.
    """
    from rprochost.kinds import guess_kind

    stem = Path(file).name.partition(":")[0]
    chosen = name or stem.removeprefix("lib").split(".")[0] or "core"
    machine.add(
        chosen,
        kind=kind or guess_kind(file),
        firmware=str(Path(file).absolute()),
        recovery={"enabled": False},
    )
    return chosen


def make_machine(arguments: argparse.Namespace, output: Output) -> "Machine":
    """Make the machine that the options describe; ``-v`` shows its log on stderr."""
    from rprochost.machine import Machine

    if arguments.machine is not None:
        if arguments.kind:
            raise UsageError("--kind goes with --firmware; a machine file says the kind of each core")
        machine = Machine.load(arguments.machine)
    else:
        machine = Machine(name="rpmsg")
        add_core(machine, arguments.firmware, arguments.kind)
    machine.log.subscribe(lambda line: output.detail(str(line)))
    return machine


def split_channel(text: str) -> tuple[str | None, str]:
    """Split ``[CORE:]CHANNEL``; names of channels may contain colons, names of cores may not."""
    core, colon, name = text.partition(":")
    if not colon:
        return None, text
    if not core or not name:
        raise UsageError(f"{text!r} is not CHANNEL or CORE:CHANNEL")
    return core, name


@contextmanager
def open_channel(arguments: argparse.Namespace, output: Output) -> "Iterator[tuple[Channel, Endpoint]]":
    """Boot the machine, open the channel, and undo both at the end."""
    core, name = split_channel(arguments.channel)
    with make_machine(arguments, output) as machine:
        channel = machine.wait_channel(name, core=core, timeout=arguments.timeout)
        owner = next((one for one in machine.values() if channel in one.channels), None)
        with naming(owner), channel.open() as endpoint:
            yield channel, endpoint


@contextmanager
def naming(owner: "HostCore | None") -> Iterator[None]:
    """Add a core's name and firmware to an error, because an endpoint does not know whose it is."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if owner is not None:
            vars(error).update(core=owner.name, firmware=str(owner.firmware_path))
        raise
